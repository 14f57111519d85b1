import { findProgram } from "@outrider/testing/peers";
import { launch, type Browser } from "puppeteer-core";

/** Debian's Chromium, without a window. @param flags further ones */
export function launchChromium(flags: readonly string[] = []): Promise<Browser> {
  return launch({
    executablePath: findProgram("chromium") ?? "chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ...flags],
  });
}
