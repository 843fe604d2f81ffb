// What the model is given of a picture or a sound: the picture as it is resized, the spectrogram as it is heard.
import { preview } from "./api.js";
import { key } from "./settings.js";

const dialog = document.getElementById("see"), content = document.getElementById("see-content");

const line = text => {
  const node = document.createElement("p");
  node.textContent = text;
  return node;
};

export async function see(attachment) {
  content.replaceChildren(line("Looking …"));
  dialog.showModal();
  try {
    const seen = await preview(attachment, key());
    content.replaceChildren(...(seen.type === "image" ? picture(seen) : sound(seen)));
  } catch (error) {
    const fault = line(error.message);
    fault.className = "fault";
    content.replaceChildren(fault);
  }
}

function picture(seen) {
  const image = document.createElement("img");
  image.src = seen.image;
  image.alt = "The picture as the model gets it";
  return [line(`${seen.width} × ${seen.height} pixels, ${seen.tokens} tokens`), image];
}

function sound(seen) {
  return [
    line(`${seen.seconds.toFixed(1)} s in ${seen.clips.length === 1 ? "one clip" : `${seen.clips.length} clips`}, ${seen.clips.reduce((sum, clip) => sum + clip.tokens, 0)} tokens`),
    ...seen.clips.flatMap(clip => [line(`From ${clip.start.toFixed(1)} s, ${clip.seconds.toFixed(1)} s: ${clip.bins} pitches by ${clip.frames} moments`), spectrogram(clip)]),
  ];
}

function spectrogram({ frames, bins, mel }) {
  const canvas = document.createElement("canvas"), values = Uint8Array.from(atob(mel), letter => letter.charCodeAt(0));
  [canvas.width, canvas.height] = [frames, bins];
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Spectrogram: time from left to right, pitch from bottom to top, brighter is louder");
  const context = canvas.getContext("2d"), pixels = context.createImageData(frames, bins);
  for (let t = 0; t < frames; t++) {
    for (let b = 0; b < bins; b++) {
      const value = values[t * bins + b] / 255, at = ((bins - 1 - b) * frames + t) * 4;
      pixels.data[at] = 255 * Math.min(1, value * 1.6);
      pixels.data[at + 1] = 255 * value * value;
      pixels.data[at + 2] = 255 * (0.25 + 0.5 * Math.sin(value * Math.PI));
      pixels.data[at + 3] = 255;
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
