/** The defaults of a Service's fields, as the published schema has them. */
import serviceSchema from '../../schemas/service.schema.json' with { type: 'json' };
import { strategyBlocks } from './migration.ts';
import { isMap, valueAt, type Segment } from './place.ts';

interface FieldSchema {
  readonly $ref?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
}

let known: readonly (readonly [readonly Segment[], unknown])[] | null = null;

/** Path (with `spec.`) and value of every default that a resolved spec does not override. */
export function defaultFields(spec: unknown): [string, unknown][] {
  known ??= [...collect(serviceSchema.$defs.spec as FieldSchema, [])];
  const remote = valueAt(spec, ['run', 'url']) !== undefined;
  const transport = valueAt(spec, ['transport']) ?? (remote ? 'http' : 'stdio');
  const strategy = valueAt(spec, ['migration', 'strategy']);
  const fields: [string, unknown][] = [];
  for (const [path, value] of known) {
    if (valueAt(spec, path) !== undefined) continue;
    const field = path.join('.');
    if (remote && /^(runtime|exclusive|security\.|session\.isolation|run\.(args|cwd|env|port|path))/.test(field)) continue;
    if (!remote && /^run\.(headers|allowPrivate)/.test(field)) continue;
    if (transport === 'stdio' && /^run\.(port|path)/.test(field)) continue;
    const reads = path[0] === 'migration' ? strategyBlocks[path[1] as keyof typeof strategyBlocks] : undefined;
    if (reads !== undefined && reads !== strategy) continue;
    const actual =
      field === 'transport'
        ? transport
        : field === 'type' && remote
          ? 'remote'
          : field === 'run.path' && transport === 'sse'
            ? '/sse'
            : value;
    fields.push([`spec.${field}`, actual]);
  }
  return fields;
}

function* collect(schema: FieldSchema, path: readonly Segment[]): Generator<readonly [readonly Segment[], unknown]> {
  const definitions = serviceSchema.$defs as unknown as Readonly<Record<string, FieldSchema>>;
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const at = [...path, name];
    if ('default' in field) yield [at, field.default];
    const inner = field.$ref === undefined ? field : definitions[field.$ref.replace('#/$defs/', '')];
    if (isMap(inner?.properties)) yield* collect(inner, at);
  }
}
