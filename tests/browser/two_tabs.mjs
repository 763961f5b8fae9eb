// `node two_tabs.mjs PAGE_ADDRESS CONTROL_ADDRESS SCREENSHOT_FOLDER`: over plain HTTP by name, where browsers
// have no Web Locks, two tabs are open on one device. The test that starts this owns the network between
// page and node: a GET on CONTROL_ADDRESS/cut and /heal closes and opens it for real.
// Each line on stdout is a step that held; the first that does not ends the program with status 1.
import { chromium } from "playwright-core";

const [page_address, control, shots] = process.argv.slice(2);
const address = new URL(page_address);
address.hostname = "lianxiao.test";
const browser = await chromium.launch({
  executablePath: process.env.LIANXIAO_CHROMIUM,
  args: ["--no-sandbox", "--host-resolver-rules=MAP lianxiao.test 127.0.0.1"],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "zh-CN" });
const tabs = [];
const at = (tab, name) => tab.locator(`[data-test="${name}"]`);
const step = (what) => console.log(what);

async function open(where) {
  const tab = await context.newPage();
  tabs.push(tab);
  await tab.goto(where);
  await tab.locator('[data-test="line"][data-state="on"]').waitFor();
  return tab;
}

async function order(tab, people) {
  await tab.locator('.rail a[href="/courses"]').click();
  await at(tab, "order").first().click();
  await tab.locator("#people").fill(String(people));
  // A second press adds nothing.
  await at(tab, "save-order").dblclick();
}

async function saved(tab, badge) {
  await at(tab, "toast").getByText(badge).waitFor();
  await tab.locator("#people").waitFor({ state: "detached" });
}

try {
  const first = await open(address.href);
  if (await first.evaluate(() => "locks" in navigator)) throw new Error("this address has Web Locks");
  await order(first, 21);
  await saved(first, /已到/);
  const second = await open(new URL("/", address).href);
  step("open in two tabs");

  await fetch(`${control}/cut`);
  for (const tab of tabs) await tab.locator('[data-test="line"][data-state="off"]').waitFor();
  await order(first, 22);
  await saved(first, "本机已存");
  await order(second, 23);
  const refusal = at(second, "refusal");
  await refusal.getByText("刷新本页").waitFor();
  if (!(await refusal.innerText()).includes("另一个标签页")) throw new Error("the refusal does not say why");
  await at(second, "unsent").getByText("0", { exact: true }).waitFor();
  if ((await second.locator("#people").inputValue()) !== "23") throw new Error("what was typed is gone");
  // On a phone the form is the whole screen, and the refusal lies over it.
  await second.setViewportSize({ width: 390, height: 844 });
  await refusal.click({ trial: true });
  if (shots) await second.screenshot({ path: `${shots}/refused-form.png` });
  await second.setViewportSize({ width: 1280, height: 900 });
  step("what would overwrite the other tab's is refused, and what was typed stays");

  await first.close();
  tabs.shift();
  await fetch(`${control}/heal`);
  await second.goto(new URL("/", address).href);
  await second.locator('[data-test="line"][data-state="on"]').waitFor();
  await at(second, "unsent").getByText("0", { exact: true }).waitFor();
  await order(second, 23);
  await saved(second, /已到/);
  step("nothing was lost");
} catch (error) {
  console.error(String(error));
  for (const [n, tab] of tabs.entries()) {
    if (shots) await tab.screenshot({ path: `${shots}/two-tabs-${n}.png`, fullPage: true }).catch(() => {});
  }
  process.exitCode = 1;
}
await browser.close();
