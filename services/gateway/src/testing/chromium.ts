import { findProgram } from "@outrider/testing/peers";
import { launch, type Browser } from "puppeteer-core";

/** Debian's Chromium, without a window. */
export function launchChromium(): Promise<Browser> {
  return launch({
    executablePath: findProgram("chromium") ?? "chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
}
