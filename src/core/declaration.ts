/** Takes in what the source says of the Service. Nothing but a valid manifest or its certain absence changes what is desired. */
import type { Command } from '../model/command.ts';
import type { Declaration } from '../model/desired.ts';
import type { Issue } from '../model/issue.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Service } from '../model/service.ts';
import { say, type Pass } from './pass.ts';
import { statusOf } from './conditions.ts';

export function takeDeclaration(pass: Pass): void {
  const { record, given } = pass;
  const { declaration } = given;
  switch (declaration.kind) {
    case 'declared':
      if (!record.suspended || record.desired === null) takeService(pass, declaration.service);
      return;
    case 'absent':
      if (record.deleting || record.suspended) return;
      record.deleting = true;
      say(pass, 'Normal', 'ManifestRemoved', 'Its manifest is gone from the source.');
      return;
    case 'invalid':
      record.observedSnapshot = declaration.snapshot;
      if (statusOf(record.conditions, 'Valid') !== 'False') {
        const goesOn = record.desired === null ? '' : ' The last valid one goes on.';
        say(pass, 'Warning', 'ManifestInvalid', `${issuesText(declaration.issues)}${goesOn}`);
      }
      return;
    case 'unknown':
  }
}

/** The Service that a pass goes by once it has taken these Commands and this declaration: facts about others are gathered for that one. */
export function serviceToCome(record: ServiceRecord | null, declaration: Declaration, commands: readonly Command[]): Service | null {
  const fresh = commands.filter(({ id }) => record === null || id > record.commandId).map(({ kind }) => kind);
  const last = fresh.findLast((kind) => kind === 'suspend' || kind === 'resume');
  const suspended = last === undefined ? record?.suspended === true : last === 'suspend';
  const known = record?.desired ?? null;
  return declaration.kind === 'declared' && (!suspended || known === null) ? declaration.service : known;
}

/** The first of them with its place, and how many more there are. */
function issuesText(issues: readonly Issue[]): string {
  const [first, ...more] = issues.filter(({ severity }) => severity === 'error');
  if (first === undefined) return 'Its file holds no manifest any more.';
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  return `${first.file}:${first.line}:${first.column}: ${first.message}${others}`;
}

function takeService(pass: Pass, service: Service): void {
  const { record } = pass;
  const before = record.desired;
  const wasGone = record.deleting || record.observedSnapshot === '';
  record.deleting = false;
  const { source, file, line } = service.origin;
  const samePlace = before?.origin.source === source && before.origin.file === file && before.origin.line === line;
  const mended = statusOf(record.conditions, 'Valid') === 'False';
  if (before?.specHash === service.specHash && samePlace && !mended && !wasGone) return;
  record.desired = service;
  record.observedSnapshot = service.origin.snapshot;
  if (service.revision.hash === record.stable?.hash) record.stableService = service;
  if (before !== null && before.origin.source !== source)
    say(pass, 'Normal', 'ServiceMoved', `Declared in source ${source} from now on, before in ${before.origin.source}.`);
  if (before?.specHash === service.specHash) {
    if (wasGone) say(pass, 'Normal', 'ServiceDeclared', `Generation ${record.generation} from ${file} again.`);
    return;
  }
  record.generation += 1;
  say(
    pass,
    'Normal',
    before === null ? 'ServiceDeclared' : 'ServiceChanged',
    `Generation ${record.generation} from ${service.origin.file}.`,
    {
      revision: service.revision.name,
    },
  );
}
