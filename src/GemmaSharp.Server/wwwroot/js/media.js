// Pictures, sounds and videos that are sent with a question.
const KINDS = ["image", "audio", "video"];

const dataUrl = blob => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(blob);
});

/** An attachment of a file; what it is, its type says, and otherwise its name. */
export async function attach(file, name = file.name) {
  const kind = KINDS.find(each => file.type.startsWith(`${each}/`))
    ?? (/\.(wav|mp3|flac|ogg|opus|m4a|aiff?)$/i.test(name) ? "audio" : /\.(png|jpe?g|webp|gif|bmp|heic|avif|tiff?)$/i.test(name) ? "image" : null);
  if (!kind) throw new Error(`${name} is no picture, sound or video.`);
  if (file.size === 0) throw new Error(`${name} is empty.`);
  return { kind, name, url: await dataUrl(file) };
}

/** What an attachment looks like, with buttons beside it: {label, act}. */
export function figure(attachment, buttons) {
  const node = document.createElement("figure"), caption = document.createElement("figcaption"), label = document.createElement("span");
  const media = document.createElement(attachment.kind === "image" ? "img" : attachment.kind);
  media.src = attachment.kind === "image" ? attachment.url : blobUrl(attachment);
  if (attachment.kind === "image") media.alt = attachment.name;
  else media.controls = true;
  media.setAttribute("aria-label", attachment.name);
  label.textContent = attachment.name;
  caption.append(label, ...buttons.map(({ text, label: spoken, act }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.setAttribute("aria-label", `${spoken}: ${attachment.name}`);
    button.addEventListener("click", act);
    return button;
  }));
  node.append(media, caption);
  return node;
}

// Sounds are played from blobs: the page's policy lets no data: address be played.
function blobUrl({ url }) {
  const [head, data] = url.split(","), bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: head.slice(5).split(";")[0] }));
}

/** Takes a picture with the camera. Null where the person thinks better of it. */
export async function shoot() {
  const dialog = document.getElementById("shoot"), video = document.getElementById("viewfinder"), fault = document.getElementById("shoot-fault");
  const shutter = document.getElementById("shutter");
  fault.textContent = "";
  dialog.showModal();
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    video.srcObject = stream;
  } catch (error) {
    fault.textContent = `The camera cannot be used (${error.message}).`;
  }
  return new Promise(resolve => {
    let taken = null;
    const take = () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
      if (canvas.width === 0) return;
      canvas.getContext("2d").drawImage(video, 0, 0);
      taken = { kind: "image", name: "Camera", url: canvas.toDataURL("image/jpeg", 0.92) };
      dialog.close();
    };
    shutter.addEventListener("click", take);
    dialog.addEventListener("close", () => {
      shutter.removeEventListener("click", take);
      stream?.getTracks().forEach(track => track.stop());
      video.srcObject = null;
      resolve(taken);
    }, { once: true });
  });
}
