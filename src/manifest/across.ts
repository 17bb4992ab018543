/** What can only be seen of all Services together: dependency circles, unknown dependencies, one port or prefix for two, groups of one. */
import type { IssueCode } from '../model/issue-codes.ts';
import type { Issue } from '../model/issue.ts';
import type { Service } from '../model/service.ts';
import type { Segment } from './place.ts';
import type { Finding } from './schema.ts';
import { nearest } from './suggest.ts';

export interface AcrossFinding {
  readonly service: string;
  readonly finding: Finding;
}

/** `services`: valid by themselves. `declared`: every name there is, invalid ones included. In order of name. */
export function findAcross(services: ReadonlyMap<string, Service>, declared: ReadonlySet<string>): AcrossFinding[] {
  return [...findCycles(services), ...findUnknown(services, declared), ...findShared(services), ...findLonely(services, declared)];
}

function findUnknown(services: ReadonlyMap<string, Service>, declared: ReadonlySet<string>): AcrossFinding[] {
  const found: AcrossFinding[] = [];
  const unknown = (service: Service, name: string, path: readonly Segment[]) => {
    const near = nearest(name, declared);
    found.push({
      service: service.name,
      finding: {
        code: 'UnknownDependency',
        severity: 'warning',
        message: `No manifest declares \`${name}\`; \`${service.name}\` waits until one does.`,
        path,
        ...(near === null ? {} : { suggestion: near }),
      },
    });
  };
  for (const service of services.values()) {
    for (const [index, dependency] of service.dependsOn.entries())
      if (!declared.has(dependency.service)) unknown(service, dependency.service, ['spec', 'dependsOn', index, 'service']);
    for (const [index, check] of service.health.checks.entries())
      if (check.type === 'dependency' && 'service' in check.target && !declared.has(check.target.service))
        unknown(service, check.target.service, ['spec', 'health', 'checks', index, 'service']);
  }
  return found;
}

/** Each circle of dependencies, once for every Service in it, with its path. */
function findCycles(services: ReadonlyMap<string, Service>): AcrossFinding[] {
  const found: AcrossFinding[] = [];
  const done = new Set<string>();
  for (const [start, { dependsOn }] of services) {
    if (dependsOn.length === 0 || done.has(start)) continue;
    // Depth first without recursion: a chain of 10,000 services is no reason to overflow.
    const trail: { readonly name: string; next: number }[] = [{ name: start, next: 0 }];
    const onTrail = new Map<string, number>([[start, 0]]);
    for (let top = trail.at(-1); top !== undefined; top = trail.at(-1)) {
      const dependency = services.get(top.name)!.dependsOn[top.next];
      top.next += 1;
      if (dependency === undefined) {
        done.add(top.name);
        onTrail.delete(top.name);
        trail.pop();
        continue;
      }
      const name = dependency.service;
      const seenAt = onTrail.get(name);
      if (seenAt !== undefined) {
        const circle = trail.slice(seenAt);
        for (const [index, member] of circle.entries()) {
          const path = [...circle.slice(index), ...circle.slice(0, index), member].map((step) => step.name).join(' → ');
          found.push({
            service: member.name,
            finding: {
              code: 'DependencyCycle',
              severity: 'error',
              message: `Services depend on each other in a circle: ${path}.`,
              path: ['spec', 'dependsOn', member.next - 1, 'service'],
              expected: 'no way back to the service itself',
            },
          });
        }
      } else if (!done.has(name) && services.has(name)) {
        onTrail.set(name, trail.length);
        trail.push({ name, next: 0 });
      }
    }
  }
  return found;
}

function findShared(services: ReadonlyMap<string, Service>): AcrossFinding[] {
  const found: AcrossFinding[] = [];
  const ports = new Map<number, Service[]>();
  const prefixes = new Map<string, Service[]>();
  for (const service of services.values()) {
    const run = service.revision.run;
    if (run.runtime === 'process' && typeof run.port === 'number') group(ports, run.port, service);
    group(prefixes, service.expose.prefix, service);
  }
  const report = (sharing: readonly Service[], code: IssueCode, what: string, path: readonly Segment[], expected: string) => {
    if (sharing.length < 2) return;
    for (const service of sharing) {
      const others = sharing
        .filter((other) => other !== service)
        .map((other) => `\`${other.name}\` (${other.origin.file}:${other.origin.line})`);
      found.push({
        service: service.name,
        finding: { code, severity: 'error', message: `\`${service.name}\` and ${others.join(', ')} both have ${what}.`, path, expected },
      });
    }
  };
  for (const [port, sharing] of ports)
    report(sharing, 'PortConflict', `the port ${port}`, ['spec', 'run', 'port'], '`auto`, or a port of its own');
  for (const [prefix, sharing] of prefixes)
    report(sharing, 'PrefixConflict', `the prefix \`${prefix}\``, ['spec', 'expose', 'prefix'], 'a prefix of its own');
  return found;
}

/** Groups with one member. Not asked while a Service is invalid: it may be the other member. */
function findLonely(services: ReadonlyMap<string, Service>, declared: ReadonlySet<string>): AcrossFinding[] {
  const groups = new Map<string, Service[]>();
  for (const service of services.values())
    if (service.migration.releaseTogether !== null) group(groups, service.migration.releaseTogether, service);
  if ([...declared].some((name) => !services.has(name))) return [];
  const found: AcrossFinding[] = [];
  for (const [name, members] of groups) {
    if (members.length > 1) continue;
    const near = nearest(
      name,
      [...groups.keys()].filter((other) => other !== name),
    );
    found.push({
      service: members[0]!.name,
      finding: {
        code: 'GroupOfOne',
        severity: 'warning',
        message: `No other Service says \`releaseTogether: ${name}\`: \`${members[0]!.name}\` moves alone.`,
        path: ['spec', 'migration', 'releaseTogether'],
        expected: 'a group that two Services or more name',
        ...(near === null ? {} : { suggestion: near }),
      },
    });
  }
  return found;
}

function group<K>(groups: Map<K, Service[]>, key: K, service: Service): void {
  const present = groups.get(key);
  if (present === undefined) groups.set(key, [service]);
  else present.push(service);
}

/** Issues in the order of a reader: by file, line and column; the same Issue for several Services once. */
export function sortIssues(issues: Iterable<Issue>): Issue[] {
  const seen = new Set<string>();
  const unique: Issue[] = [];
  for (const issue of issues) {
    const key = `${issue.file}\0${issue.line}\0${issue.column}\0${issue.code}\0${issue.path}\0${issue.message}`;
    if (!seen.has(key)) unique.push(issue);
    seen.add(key);
  }
  return unique.sort((a, b) => compareText(a.file, b.file) || a.line - b.line || a.column - b.column || compareText(a.code, b.code));
}

/** By code units: the same on every machine, unlike localeCompare. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
