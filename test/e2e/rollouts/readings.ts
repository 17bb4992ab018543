/** What Fairlead's processes hold: descriptors, children, memory; before a run and after it. */
import { readdirSync, readFileSync } from 'node:fs';
import { pause, type Stand } from '../stand.ts';

/** A socket that is just closing, a log file that is just opened. */
const spareDescriptors = 6;
/** What a heap that was at work may be larger by than one that has just been warmed, in MiB: a leak of the storm is more. */
const spareMemoryMiB = 200;

const processes = ['supervisor', 'controller', 'host'] as const;

interface Reading {
  readonly descriptors: number;
  readonly children: number;
  readonly memoryMiB: number;
}

export interface Readings extends Readonly<Record<(typeof processes)[number], Reading>> {
  /** Processes of services that live. */
  readonly services: number;
}

/** Waits until every service is at rest with as many Instances as it should have, and no other process of one lives. */
export async function atRest(stand: Stand, names: readonly string[]): Promise<Readings> {
  const all = await stand.until('everything is at rest', (services) =>
    names.every((name) => {
      const status = services.get(name)?.status;
      const rests = status?.state === 'Active' && status.rollout === null && status.readyInstances === status.replicas;
      return rests && status.instances.length === status.replicas;
    }),
  );
  const wanted = names.reduce((sum, name) => sum + all.get(name)!.status.replicas, 0);
  for (let looks = 0; stand.servicePids().length !== wanted && looks < 600; looks += 1) await pause(100);
  return settled(() => read(stand));
}

function read(stand: Stand): Readings {
  const { supervisorPid, controllerPid, hostPid } = stand.runFile()!;
  return {
    supervisor: readingOf(supervisorPid),
    controller: readingOf(controllerPid!),
    host: readingOf(hostPid!),
    services: stand.servicePids().length,
  };
}

/** The reading once nobody has closed a descriptor for some seconds. */
async function settled(look: () => Readings): Promise<Readings> {
  let last = look();
  for (let unchanged = 0, looks = 0; unchanged < 14 && looks < 80; unchanged += 1, looks += 1) {
    await pause(500);
    const now = look();
    if (processes.some((who) => now[who].descriptors < last[who].descriptors)) unchanged = 0;
    last = now;
  }
  return last;
}

function readingOf(pid: number): Reading {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1];
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    children: children === '' ? 0 : children.split(' ').length,
    memoryMiB: Math.round(Number(resident) / 1024),
  };
}

/** Where the second reading is not back at the first, in words. */
export function leftOver(before: Readings, after: Readings): string[] {
  const services = before.services === after.services ? [] : [`processes of services went from ${before.services} to ${after.services}`];
  const others = processes.flatMap((who) => {
    const [was, is] = [before[who], after[who]];
    return [
      ...(is.children === was.children ? [] : [`${who}: children went from ${was.children} to ${is.children}`]),
      ...(is.descriptors <= was.descriptors + spareDescriptors
        ? []
        : [`${who}: descriptors went from ${was.descriptors} to ${is.descriptors}`]),
      ...(is.memoryMiB <= was.memoryMiB + spareMemoryMiB ? [] : [`${who}: memory went from ${was.memoryMiB} to ${is.memoryMiB} MiB`]),
    ];
  });
  return [...services, ...others];
}

export function wordsOf(readings: Readings): string {
  const of = processes.map((who) => {
    const { descriptors, children, memoryMiB } = readings[who];
    return `${who} ${descriptors} descriptors, ${children} children, ${memoryMiB} MiB`;
  });
  return `${of.join('; ')}; ${readings.services} service processes`;
}
