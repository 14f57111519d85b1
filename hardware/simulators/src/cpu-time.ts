import { readFileSync } from "node:fs";

/** Clock ticks per second in /proc: USER_HZ, 100 on every Linux. */
const TICKS_PER_SECOND = 100;

/** Processor time a process has used, in seconds; 0 when it is gone. */
export function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // Behind the name in parentheses; utime and stime are fields 14 and 15 of proc(5), state is 3.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}
