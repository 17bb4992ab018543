import { describe, expect, it } from 'vitest';
import type { ProcessFacts } from '../../src/runtimes/proc.ts';
import { pickMembers, type Tree } from '../../src/runtimes/process-tree.ts';

const tree = (): Tree => ({ marker: 'us:a', pid: 100, startTicks: 7, known: new Map() });
const facts = (pid: number, changes: Partial<ProcessFacts> = {}): ProcessFacts => ({
  pid,
  parent: 1,
  session: pid,
  startTicks: 7,
  zombie: false,
  marker: null,
  ...changes,
});
const picked = (of: Tree, table: ProcessFacts[]): number[] =>
  pickMembers(of, table)
    .map(({ pid }) => pid)
    .sort((a, b) => a - b);

describe('what belongs to an Instance', () => {
  it.each<[string, ProcessFacts[], number[]]>([
    ['the process itself and its session', [facts(100), facts(101, { session: 100 }), facts(102)], [100, 101]],
    ['its descendants in other sessions', [facts(100), facts(101, { parent: 100 }), facts(102, { parent: 101 })], [100, 101, 102]],
    ['who carries its marker, wherever it is', [facts(300, { marker: 'us:a' }), facts(301, { parent: 300 })], [300, 301]],
    ['not who carries another marker', [facts(300, { marker: 'us:ab' }), facts(301, { marker: 'them:a' })], []],
    ['its session after its leader is gone', [facts(101, { session: 100 })], [101]],
    ['not the session of another that was given its pid', [facts(100, { startTicks: 9 }), facts(101, { session: 100 })], []],
    ['not the process that asks', [facts(process.pid, { marker: 'us:a' })], []],
  ])('%s', (_, table, members) => {
    expect(picked(tree(), table)).toEqual(members);
  });

  it('is remembered when its parents are gone, and not mistaken when its pid goes to another', () => {
    const subject = tree();
    picked(subject, [facts(100), facts(101, { parent: 100 })]);
    expect(picked(subject, [facts(101)])).toEqual([101]);
    expect(picked(subject, [facts(101, { startTicks: 8 })])).toEqual([]);
  });
});
