/** JSON Schemas of what the API tells of a Rollout: under way, or how it ended. */
import { Type, type TSchema } from 'typebox';
import { count, instant, number, oneOf, orNull, text } from './schema-words.ts';

const contractClass = oneOf('breaking', 'review', 'compatible');
const outcome = oneOf('pass', 'fail', 'inconclusive', 'error');
const percent = Type.Number({ minimum: 0, maximum: 100 });

/** What a change from one Contract to another means for clients of the first. */
export const contractComparison = Type.Object({
  from: text,
  to: text,
  class: orNull(contractClass),
  differences: Type.Array(
    Type.Object({
      class: contractClass,
      kind: oneOf('tool', 'prompt', 'resource', 'resourceTemplate'),
      name: text,
      path: Type.String({ description: 'JSON Pointer within it; empty when it speaks of the whole' }),
      message: text,
    }),
  ),
  more: count,
});

const traffic = Type.Object({
  calls: count,
  errors: Type.Integer({ minimum: 0, description: 'of the protocol and of tools together' }),
  p95Ms: orNull(number),
});

const measurement = Type.Object({
  at: instant,
  outcome,
  calls: Type.Object({ stable: count, target: count }),
  judgements: Type.Array(
    Type.Object({
      check: text,
      outcome,
      message: text,
      target: orNull(number),
      stable: orNull(number),
      p: Type.Union([Type.Null(), number], { description: 'one-sided p-value of the comparison with stable' }),
    }),
  ),
});

const shadow = Type.Object({
  revision: text,
  calls: count,
  same: count,
  different: count,
  failed: count,
  skipped: count,
  examples: Type.Array(Type.Object({ tool: text, path: text, stable: text, target: text, at: instant })),
});

export const commit = orNull(
  Type.Object(
    { id: text, author: text, email: text, subject: text, committedAt: instant },
    { description: 'what a commit says of itself; null for a folder, and when it is no longer known' },
  ),
);

export const rolloutStatus: Record<string, TSchema> = {
  number: count,
  strategy: oneOf('in-place', 'rolling', 'blue-green', 'canary'),
  direct: orNull(oneOf('first', 'return', 'fallback', 'exclusive')),
  phase: Type.String({
    description:
      'Proving, Swapping, Replacing, Previewing, Stepping, Gathering or Switching while under way; then Promoted, RolledBack, Aborted or Superseded',
  }),
  running: Type.Boolean(),
  stable: orNull(text),
  target: text,
  reason: text,
  message: text,
  startedAt: instant,
  endedAt: orNull(instant),
  failures: count,
  steps: Type.Array(text, { description: 'of a canary, in short words: setWeight 10, pause 1m' }),
  step: Type.Union([count, Type.Null()], {
    description: 'index into steps, steps.length when all are done; rolling: instances of the target that have taken over',
  }),
  stepStartedAt: orNull(instant),
  stepEndsAt: orNull(instant),
  waitsOn: orNull(oneOf('instances', 'gateway', 'time', 'data', 'person', 'group')),
  waitsFor: text,
  paused: orNull(Type.Object({ since: instant, actor: text })),
  promoted: orNull(oneOf('step', 'full')),
  deadline: Type.Union([instant, Type.Null()], {
    description: 'null while the time that it waits does not count, and for a first deployment',
  }),
  weights: orNull(Type.Object({ stable: percent, target: percent })),
  topWeight: percent,
  traffic: orNull(
    Type.Object({
      since: Type.Union([instant, Type.Null()], { description: 'null: since the host started' }),
      stable: traffic,
      target: traffic,
    }),
  ),
  analysis: orNull(Type.Object({ startedAt: instant, failures: count, failureLimit: count, nextAt: instant })),
  measurements: Type.Array(measurement, { description: 'the latest 5, newest first; of one that is over, the one that decided' }),
  contract: orNull(contractComparison),
  shadow: orNull(shadow),
  snapshot: text,
  commit,
};
