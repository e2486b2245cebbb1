// Processor time and memory, as Linux counts them.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

const MS_A_TICK = 1000 / Number(execFileSync('getconf', ['CLK_TCK']));

const sumMs = (ticks) => ticks.map(Number).reduce((a, b) => a + b) * MS_A_TICK;

/** Returns utime, stime, and both of the children that have ended. */
function ticksOf(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15);
}

/** Returns the processor time of a process and all its threads so far. */
export const cpuMs = (pid) => sumMs(ticksOf(pid).slice(0, 2));

/** Returns the memory of a process now, and its peak. */
export function memoryMb(pid) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (name) =>
    (Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))[1]) * 1024) / 1e6;
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') };
}

/**
 * Watches the other load on the machine. `pids`, this process and its children are not counted.
 * @returns a function that returns the share of all processors that others took in the meantime
 */
export function watchOthers(pids) {
  const look = () => {
    // user nice system idle iowait irq softirq steal; what follows is counted in user already.
    const ticks = fs.readFileSync('/proc/stat', 'utf8').split('\n', 1)[0].trim().split(/\s+/).slice(1, 9);
    const own = pids.map(cpuMs).reduce((a, b) => a + b) + sumMs(ticksOf('self'));
    return { all: sumMs(ticks), others: sumMs(ticks) - sumMs(ticks.slice(3, 5)) - own };
  };
  const before = look();
  return () => {
    const after = look();
    return (after.others - before.others) / (after.all - before.all);
  };
}
