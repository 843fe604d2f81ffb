// llama-bench by the prebuilt llama.cpp of the npm package node-llama-cpp, for machines without one of its own: the options and lines that compare-llama.sh uses.
//   npm install node-llama-cpp@3.22.1 --ignore-scripts && node llama-bench.mjs -m FILE.gguf -p 512 -n 64 -t 2 -r 3 -o jsonl
// Import is from the folder it is run in.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const options = { m: "", p: "512", n: "64", t: "2", r: "3", o: "jsonl" };
for (let i = 2; i + 1 < process.argv.length; i += 2) {
    options[process.argv[i].replace(/^-+/, "")] = process.argv[i + 1];
}

const [prompt, answer, threads, repetitions] = [options.p, options.n, options.t, options.r].map(Number);
const { getLlama } = await import(pathToFileURL(createRequire(join(process.cwd(), "x.js")).resolve("node-llama-cpp")).href);
const llama = await getLlama({ gpu: false, build: "never", maxThreads: threads, logLevel: "error" });
const model = await llama.loadModel({ modelPath: options.m });
const context = await model.createContext({
    contextSize: Math.max(1024, 2 * (prompt + answer)), batchSize: 512, threads: { ideal: threads, min: threads }, sequences: 1,
});
const sequence = context.getSequence();

let state = 12345;
function token() {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return 1000 + (state % 200000);
}

async function read(count) {
    await sequence.clearHistory();
    const tokens = Array.from({ length: count }, token), start = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(tokens);
    return (1000 * count) / (performance.now() - start);
}

async function write(count) {
    await sequence.clearHistory();
    let drawn = 0, start = 0;
    for await (const _ of sequence.evaluate([token()], { temperature: 0, yieldEogToken: true })) {
        start = drawn === 0 ? performance.now() : start;
        if (++drawn > count) {
            break;
        }
    }

    return (1000 * count) / (performance.now() - start);
}

await read(Math.max(1, Math.min(64, prompt)));
for (const [n_prompt, n_gen] of [[prompt, 0], [0, answer]]) {
    const samples_ts = [];
    for (let i = 0; i < repetitions && n_prompt + n_gen > 0; i++) {
        samples_ts.push(await (n_prompt > 0 ? read(n_prompt) : write(n_gen)));
    }

    if (samples_ts.length > 0) {
        console.log(JSON.stringify({ build: "node-llama-cpp", model_filename: options.m, n_threads: threads, n_prompt, n_gen, samples_ts }));
    }
}

process.exit(0);
