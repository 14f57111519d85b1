import { once } from "node:events";
import { open, rename, rm } from "node:fs/promises";
import { EnvironmentError } from "@outrider/contracts/environment";
import type { Console } from "../console.js";

/** Writes what comes to standard output, no faster than it is taken. */
export async function toOutput(
  chunks: AsyncIterable<Uint8Array>,
  { bytes: { output }, interrupted }: Console,
): Promise<void> {
  for await (const chunk of chunks) {
    if (!output.write(chunk)) await once(output, "drain", { signal: interrupted });
  }
}

/**
 * Writes what comes into a file that is there whole or, when it breaks off, as it was before.
 * @throws EnvironmentError when it cannot be written
 */
export async function toFile(chunks: AsyncIterable<Uint8Array>, path: string): Promise<number> {
  const part = `${path}.${process.pid}.part`;
  let length = 0;
  try {
    const file = await writable(open(part, "wx", 0o600));
    try {
      for await (const chunk of chunks) {
        await writable(file.writeFile(chunk));
        length += chunk.length;
      }
      await writable(file.sync());
    } finally {
      await file.close();
    }
    await writable(rename(part, path));
    return length;
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function writable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new EnvironmentError([error instanceof Error ? error.message : String(error)]);
  }
}

/** The same text as a terminal may show it: lines, and nothing that moves the cursor. */
export async function* shown(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    // Line feeds and tabs are what makes lines of it.
    yield Buffer.from(text.replaceAll(/(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?"));
  }
}

/** Objects that come one a line. */
export async function* objects<T>(chunks: AsyncIterable<Uint8Array>): AsyncIterable<T> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield JSON.parse(line) as T;
  }
  if (rest.trim() !== "") yield JSON.parse(rest) as T;
}
