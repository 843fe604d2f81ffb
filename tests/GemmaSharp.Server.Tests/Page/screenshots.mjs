// Takes the pictures of docs/web-page.md: CHROMIUM=/usr/bin/chromium node screenshots.mjs ADDRESS PICTURE SOUND FOLDER, with the demo behind the address.
import { chromium } from "playwright-core";

const [, , address, picture, sound, folder] = process.argv;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });

async function open(viewport, colorScheme, settings = {}) {
  const page = await (await browser.newContext({ viewport, colorScheme, deviceScaleFactor: 1.5 })).newPage();
  await page.goto(address);
  await page.evaluate(set => localStorage.setItem("settings", JSON.stringify(set)), { temperature: "0", ...settings });
  await page.reload();
  await page.waitForSelector("#model option", { state: "attached" });
  return page;
}

async function ask(page, text, file) {
  if (file) {
    await page.setInputFiles("#file", file);
    await page.waitForSelector("#attachments figcaption button");
  }

  const before = await page.locator(".message.assistant").count();
  await page.fill("#prompt", text);
  await page.keyboard.press("Enter");
  await page.waitForFunction(count => document.querySelectorAll(".message.assistant").length > count, before);
  await page.waitForFunction(() => document.getElementById("stop").hidden);
}

async function talk(page) {
  await ask(page, "What is the capital of Peru?");
  await page.evaluate(() => document.getElementById("new").click());
  await ask(page, "What is 8 + 9?");
  await page.evaluate(() => document.getElementById("new").click());
  await ask(page, "Transcribe this audio.", sound);
  await page.evaluate(() => document.getElementById("new").click());
  await ask(page, "Which digits do you see?", picture);
}

const light = await open({ width: 1200, height: 760 }, "light");
await talk(light);
await light.screenshot({ path: `${folder}/page-light.png` });

const dark = await open({ width: 800, height: 640 }, "dark", { probabilities: true });
await talk(dark);
await dark.locator(".message.assistant").last().locator(".token").first().hover();
await dark.screenshot({ path: `${folder}/page-dark.png` });

const phone = await open({ width: 390, height: 760 }, "light");
await talk(phone);
await phone.screenshot({ path: `${folder}/page-phone.png` });

const see = await open({ width: 900, height: 700 }, "light");
await see.setInputFiles("#file", sound);
await see.waitForSelector("#attachments figcaption button");
await see.click("#attachments figcaption button");
await see.waitForSelector("#see-content canvas");
await see.screenshot({ path: `${folder}/page-see.png` });
await browser.close();
