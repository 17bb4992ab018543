/** `--arg key=value` as the arguments of a tool: typed by the tool's own input schema, never guessed. Pure. */
import { FairleadError } from '../base/error.ts';
import { usage } from './errors.ts';

interface Property {
  readonly type?: string | readonly string[];
}

/** `key=value` by the schema's types; `key:=json` as it stands; `json` is an object they are laid over. Throws Usage. */
export function toolArguments(inputSchema: unknown, given: readonly string[], json?: string): Record<string, unknown> {
  const properties = ((inputSchema as { properties?: unknown } | null)?.properties ?? {}) as Record<string, Property>;
  const args: Record<string, unknown> = json === undefined ? {} : objectOf(json);
  for (const text of given) {
    const match = /^([^=:]+(?::[^=]+)*?)(:?=)(.*)$/s.exec(text);
    if (match === null) throw usage(`--arg ${text} is not key=value.`, 'write --arg key=value, or --arg key:=JSON');
    const [, key, operator, value] = match as unknown as [string, string, string, string];
    Object.defineProperty(args, key, {
      value: operator === ':=' ? parsed(key, value) : typed(key, value, Object.hasOwn(properties, key) ? properties[key] : undefined),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return args;
}

function typed(key: string, value: string, property: Property | undefined): unknown {
  const types = property?.type === undefined ? [] : [property.type].flat();
  if (types.length === 0 || types.includes('string')) return value;
  if (types.includes('null') && value === 'null') return null;
  if (types.includes('number') || types.includes('integer')) {
    const number = Number(value);
    if (value.trim() === '' || !Number.isFinite(number) || (!types.includes('number') && !Number.isInteger(number)))
      throw usage(`${key} must be ${types.includes('number') ? 'a number' : 'a whole number'}, not ${JSON.stringify(value)}.`);
    return number;
  }
  if (types.includes('boolean')) {
    if (value !== 'true' && value !== 'false') throw usage(`${key} must be true or false, not ${JSON.stringify(value)}.`);
    return value === 'true';
  }
  return parsed(key, value);
}

function parsed(key: string, value: string): unknown {
  try {
    return JSON.parse(value);
  } catch (cause) {
    throw new FairleadError('Usage', `${key} must be JSON, not ${JSON.stringify(value)}.`, {
      cause,
      data: { next: `write --arg '${key}:=["a", 1]'` },
    });
  }
}

function objectOf(json: string): Record<string, unknown> {
  const next = `write --json '{"key": "value"}'`;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new FairleadError('Usage', `--json must be JSON, not ${JSON.stringify(json)}.`, { cause, data: { next } });
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw usage('--json must be a JSON object.', next);
  return value as Record<string, unknown>;
}
