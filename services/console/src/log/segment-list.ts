import { readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { RawContents } from "./raw-index.js";
import { RawSegment } from "./raw-segment.js";
import { SealedSegment } from "./sealed-segment.js";
import { parseSegmentName, segmentPath } from "./segment-name.js";
import { makeDirectory } from "./sync-directory.js";
import { whenMissing } from "./when-missing.js";

export interface FoundSegments {
  readonly segments: (RawSegment | SealedSegment)[];
  /** What was read of the last segment that is not sealed, and of those before it. */
  readonly contents: ReadonlyMap<RawSegment, RawContents>;
}

/**
 * Opens what is in a log's directory, oldest first. A seal that was not finished is forgotten; files of a segment whose
 * seal was finished are deleted; a sealed file that cannot be read is put aside, so that its place shows as a gap.
 */
export async function findSegments(
  directory: string,
  report: (problem: string) => void,
): Promise<FoundSegments> {
  await makeDirectory(directory);
  const sealed = new Set<number>();
  const raw = new Set<number>();
  for (const name of await readdir(directory)) {
    const parsed = parseSegmentName(name);
    if (parsed?.kind === "part") await unlink(join(directory, name));
    else if (parsed?.kind === "zst") sealed.add(parsed.first);
    else if (parsed) raw.add(parsed.first);
  }
  const segments: (RawSegment | SealedSegment)[] = [];
  const contents = new Map<RawSegment, RawContents>();
  for (const first of sealed) {
    const segment = await SealedSegment.open(directory, first);
    if (segment) {
      segments.push(segment);
      if (raw.delete(first)) await forgetRaw(directory, first);
      continue;
    }
    const path = segmentPath(directory, first, "zst");
    await rename(path, `${path}.damaged`);
    report(
      `${path} is damaged. It was put aside as ${path}.damaged; zstd -dc may still read some of it.`,
    );
  }
  let before: RawContents | undefined;
  for (const first of [...raw].toSorted((a, b) => a - b)) {
    const recovered = await RawSegment.recover(directory, first);
    if (!recovered) continue;
    const { segment, contents: found } = recovered;
    // Segments are synced in order: where the one before has lost its end and nothing of this one had been acknowledged,
    // the source has all of it still, and tells it again in order.
    if (before && before.end < first && !before.damage && found.synced === first) {
      await segment.discard();
      continue;
    }
    before = found;
    segments.push(segment);
    contents.set(segment, found);
  }
  segments.sort((a, b) => a.first - b.first || a.end - b.end);
  return { segments, contents };
}

async function forgetRaw(directory: string, first: number): Promise<void> {
  for (const kind of ["bytes", "index"] as const) {
    await unlink(segmentPath(directory, first, kind)).catch(whenMissing(undefined));
  }
}
