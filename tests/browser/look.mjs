// `node look.mjs PAGE_ADDRESS FOLDER`: pictures of every room at 360 and 1280 px, for a person to look at.
import { chromium } from "playwright-core";

const [address, folder] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.LIANXIAO_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "zh-CN" })).newPage();
page.on("pageerror", (error) => console.error(String(error)));
page.on("console", (message) => message.type() === "error" && console.error(message.text()));
await page.goto(address);
await page.locator('[data-test="branch"]').waitFor();
await page.locator('[data-test="line"]').getByText("已对齐").waitFor({ timeout: 60_000 });
for (const [name, path] of Object.entries({ today: "/", schedule: "/schedule", courses: "/courses", teachers: "/teachers", requests: "/requests", sync: "/sync-state" })) {
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    await page.locator(`.rail a[href="${path}"]`).click();
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${folder}/${name}-${width}.png`, fullPage: path !== "/courses" && path !== "/teachers" });
  }
}
await browser.close();
