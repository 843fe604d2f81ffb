// Downloads a repository with the hub's own client and prints the snapshot's folder.
//   node snapshot.mjs HUB REPOSITORY CACHE
import { snapshotDownload } from "@huggingface/hub";

console.debug = () => {};
const [hubUrl, name, cacheDir] = process.argv.slice(2);
console.log(await snapshotDownload({ repo: { type: "model", name }, hubUrl, cacheDir }));
