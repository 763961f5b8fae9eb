// `node plan.mjs PAGE_ADDRESS FOLDER [STEPS]`: plans every `*.json` of the folder in the page and writes
// beside it, as `*.said`, the plan or the message of the error that was thrown; says on stdout how long
// each took.
import { chromium } from "playwright-core";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

const [address, folder, steps] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.LIANXIAO_CHROMIUM, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  await page.goto(address);
  await page.locator('[data-test="code"]').waitFor();
  for (const file of (await readdir(folder)).filter((file) => file.endsWith(".json")).sort()) {
    const instance = await readFile(join(folder, file), "utf8");
    const { said, took } = await page.evaluate(async ({ instance, steps }) => {
      const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
      // The module the page itself runs: its address again gives the same instance.
      const { plan } = await import(loaded.find((name) => /\/lianxiao-[0-9a-f]+\.js$/.test(name)));
      const began = performance.now();
      let said;
      try {
        said = plan(instance, steps);
      } catch (error) {
        said = error.message;
      }
      return { said, took: performance.now() - began };
    }, { instance, steps: steps && Number(steps) });
    await writeFile(join(folder, `${basename(file, ".json")}.said`), said);
    console.log(`${basename(file, ".json")}: ${Math.round(took)} ms`);
  }
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
}
await browser.close();
