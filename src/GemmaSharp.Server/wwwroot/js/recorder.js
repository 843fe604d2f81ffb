// Records the microphone as a WAV of 16 kHz, which is what the model hears.
const RATE = 16000;

export async function record(onLevel) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false } });
  const context = new AudioContext({ sampleRate: RATE });
  await context.audioWorklet.addModule(new URL("recorder-worklet.js", import.meta.url));
  const tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0 }), blocks = [];
  tap.port.onmessage = ({ data }) => {
    blocks.push(data);
    let peak = 0;
    for (const sample of data) peak = Math.max(peak, Math.abs(sample));
    onLevel(peak, blocks.reduce((sum, block) => sum + block.length, 0) / RATE);
  };
  context.createMediaStreamSource(stream).connect(tap);
  return async () => {
    stream.getTracks().forEach(track => track.stop());
    await context.close();
    return wav(blocks);
  };
}

function wav(blocks) {
  const count = blocks.reduce((sum, block) => sum + block.length, 0), view = new DataView(new ArrayBuffer(44 + count * 2));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + count * 2, true); text(8, "WAVEfmt "); view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true); view.setUint32(28, RATE * 2, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true); text(36, "data"); view.setUint32(40, count * 2, true);
  let at = 44;
  for (const block of blocks) for (const sample of block) { view.setInt16(at, Math.round(Math.max(-1, Math.min(1, sample)) * 32767), true); at += 2; }
  return new Blob([view.buffer], { type: "audio/wav" });
}
