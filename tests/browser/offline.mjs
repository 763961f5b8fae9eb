// `node offline.mjs PAGE_ADDRESS CONTROL_ADDRESS SCREENSHOT_FOLDER`: a clerk enrols, loses the line,
// reloads, orders a course, and has the line back. The test that starts this owns the network between
// page and node: a GET on CONTROL_ADDRESS/cut and /heal closes and opens it for real.
// Each line on stdout is a step that held; the first that does not ends the program with status 1.
import { chromium } from "playwright-core";

const [page_address, control, shots] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.LIANXIAO_CHROMIUM, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "zh-CN" });
const page = await context.newPage();
const problems = [];
page.on("pageerror", (error) => problems.push(String(error)));
page.on("console", (message) => {
  // The browser itself logs every connection that fails while the line is cut.
  if (message.type() === "error" && !/ERR_|WebSocket|Failed to load/.test(message.text())) problems.push(message.text());
});

const at = (name) => page.locator(`[data-test="${name}"]`);
const step = (what) => console.log(what);
const shot = async (name) => shots && page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
const room = (path) => page.locator(`.rail a[href="${path}"]`).click();

async function order(tab, people) {
  await tab.locator('.rail a[href="/courses"]').click();
  await tab.locator('[data-test="order"]').first().click();
  await tab.locator("#people").fill(String(people));
  await tab.locator('[data-test="save-order"]').click();
}

// What browsers do now and then, at the next use of the database: it is closed, and perhaps cleared.
const lose_the_database = (tab, is_cleared) =>
  tab.evaluate((is_cleared) => {
    const begin = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = function (...how) {
      IDBDatabase.prototype.transaction = begin;
      this.close();
      if (is_cleared) indexedDB.deleteDatabase(this.name);
      return begin.apply(this, how);
    };
  }, is_cleared);

try {
  await page.goto(page_address);
  await at("branch").waitFor();
  await page.locator('[data-test="line"][data-state="on"]').waitFor();
  await room("/courses");
  await at("order").first().waitFor();
  step("enrolled and synced");
  await page.evaluate(() => navigator.serviceWorker.ready);

  await fetch(`${control}/cut`);
  await page.locator('[data-test="line"][data-state="off"]').waitFor();
  await page.reload();
  await at("order").first().waitFor();
  step("reloaded offline");

  await lose_the_database(page, false);
  await order(page, 21);
  await at("toast").waitFor();
  if (!(await at("toast").innerText()).includes("本机已存")) throw new Error("the badge does not say: saved here");
  await at("unsent").getByText("1", { exact: true }).waitFor();
  await page.reload();
  await at("unsent").getByText("1", { exact: true }).waitFor();
  await room("/requests");
  await at("slip").first().waitFor();
  step("saved an event offline");

  await fetch(`${control}/heal`);
  await room("/sync-state");
  await at("retry").click();
  await at("unsent").getByText("0", { exact: true }).waitFor();
  step("synced later");

  const second = await context.newPage();
  await second.goto(new URL("/", page_address).href);
  await second.getByText("另一个标签页").waitFor();
  await page.close();
  await second.locator('[data-test="branch"]').waitFor();
  step("one tab at a time");

  await lose_the_database(second, true);
  for (const people of [22, 23]) {
    await order(second, people);
    const refusal = second.locator('[data-test="refusal"]');
    await refusal.getByText("清掉").waitFor();
    await refusal.getByRole("button").click();
  }
  step("nothing is saved where the records are gone");
  if (problems.length > 0) throw new Error(`the page complained: ${problems.join(" | ")}`);
} catch (error) {
  console.error(String(error), problems);
  await shot("failed").catch(() => {});
  process.exitCode = 1;
}
await browser.close();
