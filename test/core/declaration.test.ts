/** Which Service a pass goes by, for those who gather facts about others for it. */
import { expect, it } from 'vitest';
import { restoreArchived } from '../../src/core/adopt.ts';
import { serviceToCome } from '../../src/core/declaration.ts';
import type { Command, CommandKind } from '../../src/model/command.ts';
import { service, serving } from './situation.ts';

const declaration = { kind: 'declared', service: service('v2') } as const;
const known = serving().record!;
const told = (...kinds: CommandKind[]): Command[] =>
  kinds.map((kind, index) => ({ id: known.commandId + 1 + index, service: known.service, kind, uid: 0, at: 0 }));
const nameOf = (suspended: boolean, commands: readonly Command[]): string | undefined =>
  serviceToCome({ ...known, suspended }, declaration, commands)?.revision.name;

it('what is declared counts, unless the service is suspended', () => {
  expect(nameOf(false, [])).toBe(declaration.service.revision.name);
  expect(nameOf(true, [])).toBe(known.desired!.revision.name);
  expect(serviceToCome(null, declaration, [])).toBe(declaration.service);
  expect(serviceToCome(known, { kind: 'absent' }, [])).toBe(known.desired);
});

it('commands that this pass takes count already, the last one of them, and those taken before do not', () => {
  expect(nameOf(true, told('resume'))).toBe(declaration.service.revision.name);
  expect(nameOf(false, told('retry', 'suspend'))).toBe(known.desired!.revision.name);
  expect(nameOf(true, told('resume', 'suspend'))).toBe(known.desired!.revision.name);
  expect(nameOf(true, [{ ...told('resume')[0]!, id: known.commandId }])).toBe(known.desired!.revision.name);
});

it('who declares a deleted service again wants it tried anew: what was taken back before is not held against it', () => {
  const { record, now } = serving().declare(service('v2')).settle().command('abort').settle();
  expect(record!.rejections).toHaveLength(1);
  expect(restoreArchived(record!, now)).toMatchObject({ rejections: [], stable: record!.stable, verdicts: record!.verdicts });
});
