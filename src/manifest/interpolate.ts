/**
 * `${…}` in the plain tree of a Service. A placeholder alone in a scalar keeps the type of its value; inside text it
 * becomes text; nothing that is put in is ever read as YAML or as a placeholder again. `$${` stands for a literal `${`.
 */
import type { IssueCode } from '../model/issue-codes.ts';
import { isMap, valueAt, type Segment } from './place.ts';
import { nearest } from './suggest.ts';
import type { Finding } from './schema.ts';

/** Most that a Service may grow to, in UTF-16 units of text put in. */
export const maxExpansion = 1024 * 1024;

const forbiddenNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const instanceFields = ['id', 'port', 'dir'];

export interface Scope {
  readonly service: { readonly name: string };
  /** Values of the parameters, before their own placeholders are filled in; undefined: declared, and without a value. */
  readonly params: Readonly<Record<string, unknown>>;
  /** What the parameters were declared by, for messages: `ServiceTemplate node-stdio → Service files`. */
  readonly chain: string;
}

export interface Interpolated {
  readonly tree: unknown;
  readonly findings: readonly Finding[];
}

/** Fills in a `spec`; paths in findings begin with `spec`. */
export function interpolate(spec: unknown, scope: Scope): Interpolated {
  const findings: Finding[] = [];
  let expanded = 0;
  let tooLarge = false;
  const resolving: string[] = [];
  const resolvedParams = new Map<string, unknown>();

  const fail = (code: IssueCode, message: string, path: readonly Segment[], more: Partial<Finding> = {}) => {
    findings.push({ code, severity: 'error', message, path, ...more });
    return undefined;
  };
  const spend = (text: string, path: readonly Segment[]): boolean => {
    expanded += text.length;
    if (expanded > maxExpansion && !tooLarge) {
      tooLarge = true;
      fail('ExpansionTooLarge', 'Parameters blow the service up to more than 1 MiB.', path, { expected: 'at most 1 MiB of text put in' });
    }
    return !tooLarge;
  };
  const param = (name: string, path: readonly Segment[]): unknown => {
    if (resolvedParams.has(name)) return resolvedParams.get(name);
    if (resolving.includes(name))
      return fail(
        'ParameterCycle',
        `Parameters refer to each other in a circle: ${[...resolving.slice(resolving.indexOf(name)), name].join(' → ')}.`,
        path,
      );
    resolving.push(name);
    const value = fill(scope.params[name], [...path], true);
    resolving.pop();
    resolvedParams.set(name, value);
    return value;
  };
  const lookUp = (expression: string, path: readonly Segment[]): unknown => {
    const [root, ...rest] = expression.split('.') as [string, ...string[]];
    if (rest.some((name) => forbiddenNames.has(name)) || forbiddenNames.has(root))
      return fail('ForbiddenKey', `\`\${${expression}}\` is never looked up.`, path, { expected: 'a declared parameter' });
    const first = rest[0];
    if (root === 'params' && first !== undefined) {
      if (!Object.hasOwn(scope.params, first))
        return unknown(
          expression,
          path,
          Object.keys(scope.params).map((name) => `params.${name}`),
        );
      // A parameter that has no value, or only one that refers to itself, was reported as such.
      const whole = param(first, path);
      const value = valueAt(whole, rest.slice(1));
      return value === undefined && whole !== undefined ? unknown(expression, path, []) : value;
    }
    if (root === 'service' && first === 'name' && rest.length === 1) return scope.service.name;
    return unknown(expression, path, [
      'service.name',
      ...Object.keys(scope.params).map((name) => `params.${name}`),
      ...instanceFields.map((name) => `instance.${name}`),
    ]);
  };
  const unknown = (expression: string, path: readonly Segment[], known: readonly string[]) => {
    const near = nearest(expression, known);
    return fail('UnknownVariable', `\`\${${expression}}\` is not known (${scope.chain}).`, path, {
      expected: known.length === 0 ? 'a declared parameter' : `one of ${known.slice(0, 20).join(', ')}`,
      ...(near === null ? {} : { suggestion: `\${${near}}` }),
    });
  };
  const fillText = (text: string, path: readonly Segment[], inParam: boolean): unknown => {
    if (!text.includes('${')) return text;
    const inRun = path[0] === 'spec' && path[1] === 'run' && !inParam;
    const whole = /^\$\{([^{}]*)\}$/.exec(text)?.[1]?.trim();
    if (whole !== undefined && !(inRun && isInstance(whole))) {
      const value = lookUp(whole, path);
      if (!spend(typeof value === 'string' ? value : JSON.stringify(value ?? ''), path)) return '';
      return inRun && isText(path) && (typeof value === 'number' || typeof value === 'boolean') ? String(value) : value;
    }
    let result = '';
    let end = 0;
    for (const match of text.matchAll(/\$\$\{|\$\{([^{}]*)\}?/g)) {
      result += text.slice(end, match.index);
      end = match.index + match[0].length;
      if (match[0] === '$${') {
        // Kept escaped where the host still looks for ${instance.…}; everywhere else it is literal from here on.
        result += inRun && /^instance\.(id|port|dir)\}/.test(text.slice(end)) ? '$${' : '${';
        continue;
      }
      const expression = (match[1] ?? '').trim();
      if (!match[0].endsWith('}')) {
        fail('UnknownVariable', `\`${match[0]}\` has no closing brace.`, path, { expected: '`${name}`, or `$${` for a literal `${`' });
        continue;
      }
      if (inRun && isInstance(expression)) {
        result += `\${${expression}}`;
        continue;
      }
      const value = lookUp(expression, path);
      if (typeof value === 'object' && value !== null)
        fail('WrongType', `\`\${${expression}}\` is a ${Array.isArray(value) ? 'list' : 'mapping'} and cannot stand inside text.`, path);
      else if (value !== undefined) {
        const put = typeof value === 'string' ? value : JSON.stringify(value);
        if (!spend(put, path)) return '';
        result += put;
      }
    }
    return result + text.slice(end);
  };
  const fill = (value: unknown, path: Segment[], inParam: boolean): unknown => {
    if (tooLarge) return value;
    if (typeof value === 'string') return fillText(value, [...path], inParam);
    if (Array.isArray(value)) {
      const filled: unknown[] = [];
      for (const [index, item] of value.entries()) filled.push(descend(item, index, path, inParam));
      return filled;
    }
    if (isMap(value)) {
      const filled: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value)) filled[key] = descend(item, key, path, inParam);
      return filled;
    }
    return value;
  };
  const descend = (value: unknown, segment: Segment, path: Segment[], inParam: boolean): unknown => {
    if (inParam) return fill(value, path, true); // a finding about a parameter's inside is shown where the parameter is used
    path.push(segment);
    const filled = fill(value, path, false);
    path.pop();
    return filled;
  };
  return { tree: fill(spec, ['spec'], false), findings };
}

function isInstance(expression: string): boolean {
  return expression.startsWith('instance.') && instanceFields.includes(expression.slice('instance.'.length));
}

/** Fields of `run` that are text whatever was put in: a numeric parameter becomes its digits. */
function isText(path: readonly Segment[]): boolean {
  return ['args', 'command', 'env', 'headers', 'cwd', 'url', 'path'].includes(String(path[2]));
}
