/** Memory of one log that waits for the disk. From {@link ROOM_BYTES} on a source is asked to pause. */
export const WAITING_BYTES = 8 * 1024 * 1024;
export const ROOM_BYTES = 4 * 1024 * 1024;

/** A segment is closed at so many bytes, or so many runs, or so many notes. */
export const SEGMENT_BYTES = 8 * 1024 * 1024;
export const SEGMENT_RUNS = 65_536;
export const SEGMENT_NOTES = 10_000;

/** A log of few bytes has small segments, so that dropping the oldest does not drop most of it. */
export function segmentBytesFor(maxBytes: number): number {
  return Math.min(Math.max(Math.floor(maxBytes / 8), 16_384), SEGMENT_BYTES);
}

/** A segment is closed at an eighth of the age that is kept, so that what is too old can go. */
export function segmentAgeFor(maxAgeMs: number): number {
  return Math.min(Math.max(Math.floor(maxAgeMs / 8), 1000), 86_400_000);
}
