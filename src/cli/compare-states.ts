/**
 * What a change from one state of the manifests to another would do, without a controller: both are compiled, compared
 * resolved, and the heart itself is asked what it would do about each Service that differs, as if all of the first state
 * ran and was well. Of contracts nothing is known: only a target's start tells.
 */
import { hashValue } from '../base/hash.ts';
import { adopt } from '../core/adopt.ts';
import { decide } from '../core/decide.ts';
import { atRest, rehearse, type AtRest } from '../core/rehearsal.ts';
import { heldDeletions, type MaxDeletions } from '../manifest/prune.ts';
import { maskedManifestText } from '../manifest/spec.ts';
import { Workspace, type Compiled, type SourceFile } from '../manifest/workspace.ts';
import type { Declaration, Desired } from '../model/desired.ts';
import type { Issue } from '../model/issue.ts';
import type { Service } from '../model/service.ts';
import type { PlanReport, ServiceChange } from '../ports/admin.ts';

/** Stands for the folder that relative paths start from, wherever the repository lies: names of Revisions do not depend on the clone. */
const root = '/repository';

export interface StatesToCompare {
  readonly from: readonly SourceFile[];
  readonly to: readonly SourceFile[];
  /** Of the prune guard; its own default when left out. */
  readonly maxDeletions?: MaxDeletions;
}

/** Both states compiled: the second at the cost of what changed. */
interface Both {
  readonly from: Compiled;
  readonly to: Compiled;
  /** New name → old name, of Services that take over one that is gone. */
  readonly renamed: ReadonlyMap<string, string>;
  /** Declared in the first state, and neither declared, in doubt nor taken over in the second. */
  readonly gone: readonly string[];
}

/**
 * Changes in order of name, unchanged Services included; every error of the second state, and its warnings that are new.
 * The token is a hash of both resolved states.
 */
export function compareStates({ from, to, maxDeletions }: StatesToCompare, now: number): PlanReport {
  const both = compileBoth(from, to);
  const names = new Set([...both.to.services.keys(), ...both.gone]);
  return {
    token: tokenOf(both),
    changes: [...names].sort().map((name) => changeOf(name, both, now)),
    issues: issuesOf(both),
    pruneHeld: heldDeletions(
      { recorded: [...both.from.services.keys()].sort(), missing: both.gone, empty: both.to.empty },
      ...(maxDeletions === undefined ? [] : [maxDeletions]),
    ),
  };
}

function compileBoth(before: readonly SourceFile[], after: readonly SourceFile[]): Both {
  const workspace = new Workspace('git', root);
  workspace.update(before);
  const from = workspace.compile('from');
  const kept = new Set(after.map(({ path }) => path));
  workspace.update(
    after,
    before.map(({ path }) => path).filter((path) => !kept.has(path)),
  );
  const to = workspace.compile('to');
  const renamed = new Map<string, string>();
  for (const { name, formerly } of to.services.values())
    if (formerly !== null && from.services.has(formerly) && !isDeclared(formerly, to) && !isDeclared(name, from))
      if (![...renamed.values()].includes(formerly)) renamed.set(name, formerly);
  const taken = new Set(renamed.values());
  const gone = [...from.services.keys()].filter((name) => !isDeclared(name, to) && !taken.has(name));
  return { from, to, renamed, gone };
}

function isDeclared(name: string, { services, invalid }: Compiled): boolean {
  return services.has(name) || invalid.has(name);
}

function changeOf(name: string, both: Both, now: number): ServiceChange {
  const { from, to, renamed } = both;
  const earlier = renamed.get(name);
  const before = from.services.get(earlier ?? name) ?? null;
  const after = to.services.get(name) ?? null;
  const action = after === null ? 'delete' : before === null ? 'create' : before.specHash === after.specHash ? 'unchanged' : 'update';
  const dependants = [...to.services.values()]
    .filter(({ dependsOn }) => dependsOn.some(({ service }) => service === name))
    .map((service) => service.name);
  const same = action === 'unchanged';
  const running = before === null || same ? null : restOf(before, from, now);
  const stable = running?.record.stable ?? null;
  return {
    service: name,
    action,
    before: before === null || same ? '' : maskedManifestText(before, root),
    after: after === null || same ? '' : maskedManifestText(after, root),
    revision: {
      stable: same ? (after?.revision.name ?? null) : (stable?.name ?? null),
      target: after?.revision.name ?? null,
      rollout: !same && after !== null && after.state === 'Active' && after.revision.hash !== stable?.hash,
    },
    strategy: after?.migration.strategy ?? '',
    steps: same ? [] : stepsOf(name, after, running, to, now),
    contract: null,
    dependants,
    warnings: warningsOf({ name, earlier, before, after, dependants, both }),
  };
}

function stepsOf(name: string, after: Service | null, running: AtRest | null, to: Compiled, now: number): readonly string[] {
  const record = running === null ? null : running.record.service === name ? running.record : adopt(running.record, name, null);
  const observation = running === null ? null : { ...running.observation, service: name };
  return rehearse(decide, desiredOf(name, after, to), record, observation, now);
}

function restOf(service: Service, state: Compiled, now: number): AtRest {
  return atRest(decide, desiredOf(service.name, service, state), now);
}

/** As if everything that the state declares ran and was well. */
function desiredOf(name: string, service: Service | null, state: Compiled): Desired {
  const declaration: Declaration = service === null ? { kind: 'absent' } : { kind: 'declared', service };
  const dependencies = (service?.dependsOn ?? []).map((dependency) => {
    const declared = isDeclared(dependency.service, state);
    return [dependency.service, { declared, ready: declared }] as const;
  });
  const alone = { group: [], contracts: {}, commands: [], driftPolicy: 'correct', files: null } as const;
  return { service: name, declaration, dependencies: Object.fromEntries(dependencies), ...alone };
}

interface Compared {
  readonly name: string;
  readonly earlier: string | undefined;
  readonly before: Service | null;
  readonly after: Service | null;
  readonly dependants: readonly string[];
  readonly both: Both;
}

function warningsOf({ name, earlier, before, after, dependants, both }: Compared): readonly string[] {
  const warnings: string[] = [];
  if (after === null && dependants.length > 0) warnings.push(`${dependants.join(', ')} depend on it and will wait.`);
  if (earlier !== undefined) warnings.push(`It takes over what runs as ${earlier}.`);
  if (before === null && both.from.invalid.has(name)) warnings.push('Its manifest did not compile before: what runs may be older still.');
  return warnings;
}

/** Warnings that were there before say nothing of the change; errors keep Services from what they are declared to be, whoever made them. */
function issuesOf({ from, to }: Both): readonly Issue[] {
  const known = new Set(from.issues.map(identityOf));
  return to.issues.filter((issue) => issue.severity === 'error' || (issue.severity === 'warning' && !known.has(identityOf(issue))));
}

/** Lines move when others are put in above them. */
function identityOf({ code, file, path, message, subject }: Issue): string {
  return JSON.stringify([code, file, path, message, subject]);
}

function tokenOf({ from, to }: Both): string {
  const resolved = ({ services, invalid }: Compiled) => ({
    services: [...services.values()].map(({ name, specHash }) => [name, specHash]),
    invalid: [...invalid.keys()].sort(),
  });
  return hashValue({ from: resolved(from), to: resolved(to) }).slice(0, 16);
}
