// Drives the page as a person would: node page.mjs CASE ADDRESS [FILE…]. Prints one JSON object; whatever goes wrong is thrown.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [, , name, address, ...files] = process.argv;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const require = (holds, what) => { if (!holds) throw new Error(what); };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    "--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    ...(name === "sound" ? [`--use-file-for-fake-audio-capture=${files[0]}%noloop`] : []),
  ],
});
const context = await browser.newContext({ viewport: name === "phone" ? { width: 360, height: 740 } : { width: 1200, height: 800 }, acceptDownloads: true });
const page = await context.newPage(), faults = [], outside = [];
page.on("pageerror", error => faults.push(error.message));
page.on("console", message => { if (message.type() === "error" && !/Failed to load resource|ERR_CONNECTION/.test(message.text())) faults.push(message.text()); });
page.on("request", request => { if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url())) outside.push(request.url()); });

const open = async () => { await page.goto(address); await page.waitForSelector("#model option", { state: "attached" }); };
const done = () => page.waitForFunction(() => document.getElementById("stop").hidden);
const ask = async text => { await page.fill("#prompt", text); await page.keyboard.press("Enter"); await page.waitForSelector(".message.assistant"); await done(); };
const answers = () => page.$$eval(".message.assistant .body", bodies => bodies.map(body => body.innerText.trim()));
const greedy = async (more = {}) => page.evaluate(set => localStorage.setItem("settings", JSON.stringify(set)), { temperature: "0", ...more }).then(() => page.reload()).then(() => page.waitForSelector("#model option", { state: "attached" }));

const cases = {
  async text() {
    await open();
    await greedy();
    await ask("What is the capital of Peru?");
    require(/tokens\/s · \d+ of 4,096 tokens \(\d+ %\)/.test(await page.innerText("#figures")), "speed and fill are not shown");
    require((await page.innerText("#announcer")).includes("Lima"), "the answer is not announced");
    require((await page.title()).includes("What is the capital of Peru?"), "the conversation has no title");
    return { answers: await answers() };
  },
  async picture() {
    await open();
    await greedy();
    await page.setInputFiles("#file", files[0]);
    await page.waitForSelector("#attachments img");
    await page.click("#attachments figcaption button");
    await page.waitForSelector("#see-content img");
    const seen = await page.innerText("#see-content");
    await page.click("#see button");
    await ask("Describe this image.");
    return { answers: await answers(), seen };
  },
  async sound() {
    await open();
    await greedy();
    await page.click("#record");
    await page.waitForFunction(() => document.getElementById("level").value > 0.01);
    await page.waitForTimeout(2500);
    await page.click("#record-stop");
    await page.waitForSelector("#attachments audio");
    await page.click("#attachments figcaption button");
    await page.waitForSelector("#see-content canvas");
    await page.click("#see button");
    await ask("Transcribe this audio.");
    return { answers: await answers() };
  },
  async long() {
    await open();
    await greedy();
    for (const [i, country] of ["Peru", "Norway", "Japan", "Kenya", "Peru"].entries()) {
      await page.fill("#prompt", `What is the capital of ${country}?`);
      await page.keyboard.press("Enter");
      await page.waitForFunction(count => document.querySelectorAll(".message.assistant").length === count, i + 1);
      await done();
    }
    return { answers: await answers(), left: await page.$$eval(".left", notes => notes.map(note => note.innerText)) };
  },
  async reload() {
    await open();
    await greedy();
    await ask("What is the capital of Peru?");
    await page.reload();
    await page.waitForSelector(".message.assistant");
    const kept = await answers();
    await page.click("#list .icon >> nth=1");
    await page.click("#ask-yes");
    await page.waitForFunction(() => document.querySelectorAll("#list li").length === 0);
    return { answers: kept };
  },
  async down() {
    await open();
    await greedy();
    await page.route("**/*", route => route.abort("connectionrefused"));
    await page.fill("#prompt", "What is the capital of Peru?");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".message .error");
    require(await page.isVisible("#banner"), "nobody is told that the server is gone");
    await page.unroute("**/*");
    await page.waitForFunction(() => document.getElementById("banner").hidden, null, { timeout: 20000 });
    await page.click(".message .error button");
    await page.waitForFunction(() => document.querySelector(".message.assistant .body").innerText.includes("Lima"));
    await done();
    return { answers: await answers() };
  },
  async stop() {
    await open();
    await greedy({ max_tokens: "2000", stop: "", seed: "1" });
    // Bytes come, and then nothing for long: the stream is held back half-way.
    await page.route("**/v1/chat/completions", async route => {
      const body = JSON.parse(route.request().postData());
      await route.continue({ postData: JSON.stringify({ ...body, ignore_eos: true }) });
    });
    await page.fill("#prompt", "What is the capital of Peru?");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".message.assistant .body")?.innerText.length > 5);
    await page.click("#stop");
    await done();
    require(await page.isVisible(".message.assistant .cut"), "a cut answer does not say so");
    require(await page.isVisible("text=Continue"), "a cut answer cannot be gone on with");
    return { answers: await answers() };
  },
  async branch() {
    await open();
    await greedy();
    await ask("What is the capital of Peru?");
    await page.click("text=Edit");
    await page.fill(".editing textarea", "What is the capital of Norway?");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".message.user .body")?.innerText.includes("Norway"));
    await page.waitForFunction(() => document.querySelector(".message.assistant .body")?.innerText.includes("Oslo"));
    await done();
    const second = await answers();
    require((await page.innerText(".message.user .meta")).includes("2/2"), "the branch is not counted");
    await page.click("[aria-label='Earlier version']");
    const first = await answers();
    await page.click("[aria-label='Answer again']");
    await page.waitForFunction(() => document.querySelector(".message.assistant .meta")?.innerText.includes("2/2"));
    await done();
    return { answers: [...first, ...second, ...await answers()] };
  },
  async file() {
    await open();
    await greedy({ system: "Be brief." });
    await page.setInputFiles("#file", files[0]);
    await page.waitForSelector("#attachments img");
    await ask("Describe this image.");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export")]);
    await download.saveAs(files[1]);
    await page.setInputFiles("#import-file", files[1]);
    await page.waitForFunction(() => document.querySelectorAll("#list li").length === 2);
    require(await page.isVisible(".message.user img"), "the picture was lost on the way");
    writeFileSync(files[1] + ".bad", "{\"a\":1}");
    await page.setInputFiles("#import-file", files[1] + ".bad");
    await page.waitForFunction(() => document.getElementById("banner").innerText.includes("cannot be imported"));
    return { answers: await answers() };
  },
  async hostile() {
    await open();
    const text = readFileSync(files[0], "utf8");
    await page.route("**/v1/chat/completions", route => route.fulfill({
      contentType: "text/event-stream",
      body: `: ping\ndata: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text } }] })}\n\n: ping\ndata: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}\n\ndata: [DONE]\n\n`,
    }));
    await ask("Show me something.");
    return await page.$eval(".message.assistant .body", body => ({
      tags: [...new Set([...body.querySelectorAll("*")].map(each => each.tagName.toLowerCase()))].sort(),
      links: [...body.querySelectorAll("a")].map(each => each.getAttribute("href")),
      ran: window.ran ?? null,
      code: body.querySelector("pre code")?.textContent,
      cells: body.querySelectorAll("td").length,
      nested: body.querySelectorAll("li li").length,
    }));
  },
  async schema() {
    await open();
    await page.click("#settings-open");
    await page.fill("[name=schema]", "{\"type\":");
    await page.click("#settings-save");
    require((await page.innerText("#schema-fault")).length > 0, "a broken schema is taken");
    await page.fill("[name=schema]", "{\"type\":\"object\",\"properties\":{\"capital\":{\"enum\":[\"Lima\",\"Quito\"]}},\"required\":[\"capital\"]}");
    await page.click("#settings-save");
    await ask("What is the capital of Peru?");
    return { answers: await answers() };
  },
  async probabilities() {
    await open();
    await greedy({ probabilities: true });
    await ask("What is the capital of Peru?");
    await page.focus(".token");
    await page.keyboard.press("ArrowRight");
    const tooltip = await page.innerText("#tooltip");
    require(await page.isVisible("#tooltip"), "the probability is not shown");
    return { answers: [(await page.$$eval(".token", spans => spans.map(span => span.textContent).join(""))).trim()], tooltip };
  },
  async phone() {
    await open();
    await greedy();
    require(!await page.isVisible("#drawer"), "the list covers the phone");
    await page.click("#drawer-open");
    await page.waitForFunction(() => getComputedStyle(document.getElementById("drawer")).visibility === "visible");
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => getComputedStyle(document.getElementById("drawer")).visibility === "hidden");
    await ask("What is the capital of Peru?");
    const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    require(wide <= seen, `the page is ${wide} wide and the phone ${seen}`);
    return { answers: await answers() };
  },
  async keyboard() {
    await open();
    await greedy();
    require(await page.evaluate(() => document.activeElement.id) === "prompt", "the question has not the focus");
    await page.keyboard.type("What is the capital");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.press("Backspace");
    await page.keyboard.type(" of Peru?");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".message.assistant");
    await done();
    const reached = new Set();
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim()));
    }
    for (const each of ["new", "search", "settings-open", "theme", "model", "attach", "record", "send", "Edit", "Again"]) require(reached.has(each), `${each} cannot be reached`);
    await page.focus("#settings-open");
    await page.keyboard.press("Enter");
    require(await page.isVisible("#settings"), "the settings do not open");
    await page.keyboard.press("Escape");
    require(!await page.isVisible("#settings"), "the settings do not close");
    return { answers: await answers() };
  },
  async axe() {
    await open();
    await greedy({ probabilities: true });
    await page.setInputFiles("#file", files[0]);
    await page.waitForSelector("#attachments img");
    await ask("Describe this image.");
    const found = [];
    await page.evaluate(axe);
    const check = async where => {
      const { violations } = await page.evaluate(() => window.axe.run());
      found.push(...violations.filter(each => ["serious", "critical"].includes(each.impact)).map(each => `${where}: ${each.id} ${each.nodes.map(node => node.html).join(" ").slice(0, 300)}`));
    };
    await check("light");
    await page.click("#theme");
    await check("dark");
    await page.click("#settings-open");
    await check("settings");
    await page.keyboard.press("Escape");
    await page.click(".message figcaption button");
    await page.waitForSelector("#see-content img");
    await check("see");
    return { found };
  },
};

try {
  const result = await cases[name]();
  console.log(JSON.stringify({ ...result, faults, outside }));
} finally {
  await browser.close();
}
