// `node preview.mjs BRANCH_PAGE CITY_PAGE CONTROL_ADDRESS [SCREENSHOT_FOLDER]`: a clerk plans beforehand with
// the line cut, on a phone; the city asks what if a teacher is away, a venue is closed, one more order comes.
// A GET on CONTROL_ADDRESS/cut closes the line of the branch's page, /close-round lets the city decide.
// Each line on stdout is what a panel said; what does not come ends the program with status 1.
import { chromium } from "playwright-core";

const [branch_page, city_page, control, shots] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.LIANXIAO_CHROMIUM, args: ["--no-sandbox"] });
const problems = [];

async function open(address, width) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, locale: "zh-CN" });
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(address);
  await page.locator('[data-test="branch"]').waitFor();
  await page.locator('[data-test="line"][data-state="on"]').waitFor();
  await page.locator('.rail a[href="/requests"]').click();
  return page;
}

const at = (page, name) => page.locator(`[data-test="${name}"]`);
const shot = async (page, name) => shots && page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
async function narrow_enough(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) throw new Error(`${wide} px too wide`);
}

try {
  const clerk = await open(branch_page, 360);
  await at(clerk, "slip").first().waitFor();
  await fetch(`${control}/cut`);
  await clerk.locator('[data-test="line"][data-state="off"]').waitFor();
  await at(clerk, "preview-start").click();
  await at(clerk, "previewed").locator("li").first().waitFor();
  await narrow_enough(clerk);
  await shot(clerk, "preview-360");
  console.log(`preview: ${(await at(clerk, "preview").innerText()).replaceAll("\n", " | ")}`);

  const city = await open(city_page, 360);
  await at(city, "preview-start").waitFor();
  await fetch(`${control}/close-round`);
  await city.locator('[data-test="slip"][data-outcome="confirmed"]').first().waitFor();
  for (const [what, subject] of [["teacher", "示例甲"], ["venue", "报告厅"], ["order", "基层治理"]]) {
    await city.locator("#what-if").selectOption(what);
    const choices = await city.locator("#what-if-subject option").allInnerTexts();
    await city.locator("#what-if-subject").selectOption({ label: choices.find((choice) => choice.includes(subject)) });
    if (what === "order") await city.locator("#what-if-branch").selectOption({ label: "广陈" });
    const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
    await city.locator("#what-if-from").fill(day(2));
    await city.locator("#what-if-to").fill(day(60));
    await at(city, "what-if-ask").click();
    await at(city, "what-if-answer").locator("li").first().waitFor();
    await narrow_enough(city);
    await shot(city, `what-if-${what}-360`);
    console.log(`${what}: ${(await at(city, "what-if-answer").innerText()).replaceAll("\n", " | ")}`);
  }
  await city.setViewportSize({ width: 1280, height: 900 });
  await shot(city, "what-if-1280");
  await city.locator("#what-if-to").fill("2020-01-01");
  await at(city, "what-if-ask").click();
  await city.getByText("最晚一天不早于最早一天").waitFor();
  console.log("refused: days the wrong way round");
  if (problems.length > 0) throw new Error(`the page complained: ${problems.join(" | ")}`);
} catch (error) {
  console.error(String(error), problems);
  process.exitCode = 1;
}
await browser.close();
