// Hands on what the microphone hears, in pieces that are worth a message.
class Tap extends AudioWorkletProcessor {
  held = new Float32Array(2048);
  filled = 0;

  process([[samples]]) {
    for (const sample of samples ?? []) {
      this.held[this.filled++] = sample;
      if (this.filled === this.held.length) {
        this.port.postMessage(this.held.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("tap", Tap);
