/** What the kernel's process and the machine use, in the words of ipykernel's usage_reply, which JupyterLab's displays read. */
import { readFileSync } from "node:fs";
import os from "node:os";
import type { Json } from "../protocol";

interface CpuTimes {
  /** Microseconds of the process on all cores. */
  process: number;
  /** Milliseconds of all cores since the machine started. */
  busy: number;
  total: number;
  /** Milliseconds of the clock. */
  at: number;
}

export class UsageMeter {
  #last = readCpuTimes();

  /** CPU shares are percentages since the last call: of one core for the kernel, of all cores for the host. */
  read(): Json {
    const [last, now] = [this.#last, readCpuTimes()];
    this.#last = now;
    const hostTime = now.total - last.total;
    return {
      hostname: os.hostname(),
      pid: process.pid,
      kernel_cpu: round((now.process - last.process) / 10 / Math.max(1, now.at - last.at)),
      kernel_memory: process.memoryUsage.rss(),
      ...(hostTime > 0 && { host_cpu_percent: round((100 * (now.busy - last.busy)) / hostTime) }),
      cpu_count: os.cpus().length,
      host_virtual_memory: virtualMemory(),
    };
  }
}

function readCpuTimes(): CpuTimes {
  const { user, system } = process.cpuUsage();
  let [busy, total] = [0, 0];
  for (const { times } of os.cpus()) {
    const sum = times.user + times.nice + times.sys + times.idle + times.irq;
    total += sum;
    busy += sum - times.idle;
  }
  return { process: user + system, busy, total, at: performance.now() };
}

/** Bytes, named as by psutil's virtual_memory. */
function virtualMemory(): Json {
  const total = os.totalmem();
  const info = linuxMemory();
  const available = info.get("MemAvailable") ?? os.freemem();
  const free = info.get("MemFree") ?? os.freemem();
  const cached = (info.get("Cached") ?? 0) + (info.get("SReclaimable") ?? 0);
  return {
    total,
    available,
    percent: round((100 * (total - available)) / total),
    used: total - available,
    free,
    active: info.get("Active") ?? 0,
    inactive: info.get("Inactive") ?? 0,
    buffers: info.get("Buffers") ?? 0,
    cached,
    shared: info.get("Shmem") ?? 0,
    slab: info.get("Slab") ?? 0,
  };
}

/** /proc/meminfo in bytes; empty where there is none. */
function linuxMemory(): Map<string, number> {
  try {
    const lines = readFileSync("/proc/meminfo", "utf8").matchAll(/^(\w+):\s+(\d+) kB$/gm);
    return new Map(Array.from(lines, ([, name, kib]) => [name, 1024 * Number(kib)]));
  } catch {
    return new Map();
  }
}

function round(percent: number): number {
  return Math.round(percent * 10) / 10;
}
