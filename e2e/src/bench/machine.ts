import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";

/** The machine as far as figures depend on it; nothing that tells whose it is. */
export function machine(): string {
  const model = cpus()[0]?.model.replaceAll(/\s+/g, " ").trim() ?? "unknown processor";
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} cores (${model}), ${memoryGib} GiB, ${process.platform} ${process.arch}, Node ${process.versions.node}`;
}

/** Processes that wanted to run, on average over the last minute. */
export function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

/** The processor time that a process has used in all of its threads, in milliseconds. */
export function cpuMs(pid: number): number {
  // What `stat` says is counted in ticks of 10 ms, in which short work that follows a timer is lost or overdone.
  const nanoseconds = readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}

/** A process and everything that it has started, as far as it runs. */
export function processesUnder(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean),
  );
  return [pid, ...children.map(Number).flatMap(processesUnder)];
}

/** What a process has in memory, in KiB. */
export function residentKib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

/** CLOCK_MONOTONIC in milliseconds: the same in every process of this host. */
export function hostMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
