/**
 * The published JSON Schemas as validators, and what they find as Issues in plain words. The schemas carry what an Issue
 * needs beside the standard keywords: `x-expected` (words for people), `x-code` (the Issue's code), `x-not-yet-fields` and
 * `x-not-yet-values` (recognised, answered with NotSupportedYet and what to use instead).
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';
import controllerSchema from '../../schemas/controller.schema.json' with { type: 'json' };
import lockSchema from '../../schemas/lock.schema.json' with { type: 'json' };
import serviceSchema from '../../schemas/service.schema.json' with { type: 'json' };
import templateSchema from '../../schemas/service-template.schema.json' with { type: 'json' };
import type { IssueCode } from '../model/issue-codes.ts';
import type { Issue } from '../model/issue.ts';
import type { Locate } from './document.ts';
import { pathText, valueAt, type Segment } from './place.ts';
import { nearest } from './suggest.ts';
import { shareText } from './units.ts';

export const apiVersion = 'fairlead.dev/v1alpha1';

/** Kinds that are read today. */
export const kinds = ['Service', 'ServiceTemplate', 'Controller'] as const;
export type Kind = (typeof kinds)[number];

/** Kinds of the format that are not read yet, with what to do meanwhile. */
export const kindsNotYet: Readonly<Record<string, string>> = {
  Secret: 'Let the service read the value from a file outside the repository.',
  Toolset: 'Use `expose.tools` to choose what each service publishes.',
};

interface Annotations {
  readonly title?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly 'x-code'?: IssueCode;
  readonly 'x-expected'?: string;
  readonly 'x-not-yet-fields'?: Readonly<Record<string, string>>;
  readonly 'x-not-yet-values'?: Readonly<Record<string, string>>;
}

/** What there is a schema for: the kinds of manifests, and what stands in `fairlead.lock`. */
export type Shape = Kind | 'Lock';

let compiled: Readonly<Record<Shape, ValidateFunction>> | null = null;

/** Validators of the kinds, compiled on first use (some 50 ms). */
function validators(): Readonly<Record<Shape, ValidateFunction>> {
  if (compiled !== null) return compiled;
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    discriminator: true,
    // Whether the schemas themselves are schemas is a test's question, not every start's.
    meta: false,
    validateSchema: false,
    code: { optimize: false },
  });
  ajv.addVocabulary(['x-code', 'x-expected', 'x-not-yet-fields', 'x-not-yet-values']);
  ajv.addSchema([serviceSchema, templateSchema, controllerSchema, lockSchema]);
  compiled = {
    Service: ajv.getSchema(serviceSchema.$id)!,
    ServiceTemplate: ajv.getSchema(templateSchema.$id)!,
    Controller: ajv.getSchema(controllerSchema.$id)!,
    Lock: ajv.getSchema(lockSchema.$id)!,
  };
  return compiled;
}

/** What is wrong with a part of a document, before its place in a file is known. */
export interface Finding {
  readonly code: IssueCode;
  readonly severity: Issue['severity'];
  readonly message: string;
  readonly path: readonly Segment[];
  readonly expected?: string;
  readonly suggestion?: string;
  /** True when the field's name is what is wrong, not its value. */
  readonly atKey?: boolean;
}

/** An Issue of a Finding, at the place that `locate` knows. */
export function toIssue(finding: Finding, file: string, locate: Locate, subject?: string): Issue {
  const { code, severity, message, path, expected, suggestion, atKey } = finding;
  return {
    code,
    severity,
    message,
    file,
    ...locate(path, atKey === true ? 'key' : 'value'),
    path: pathText(path),
    ...(expected === undefined ? {} : { expected }),
    ...(suggestion === undefined ? {} : { suggestion }),
    ...(subject === undefined ? {} : { subject }),
  };
}

/** Most findings that are shown of one document: each costs a look for its place. */
const maxFindings = 100;

/**
 * What the schema of a kind finds wrong with a document. With `placeholders` text that has `${` in it may stand anywhere:
 * its type is only known once parameters have been put in.
 */
export function validateDocument(kind: Shape, document: unknown, placeholders: boolean): Finding[] {
  const validate = validators()[kind];
  if (validate(document)) return [];
  const findings: Finding[] = [];
  const seen = new Set<string>();
  const errors = validate.errors ?? [];
  for (const error of errors) {
    if (findings.length === maxFindings) {
      const message = `The document has ${errors.length - maxFindings} more that are not shown.`;
      return [...findings, { code: 'MoreIssues', severity: 'note', message, path: [] }];
    }
    if (placeholders && typeof error.data === 'string' && error.data.includes('${')) continue;
    const finding = findingOf(error, document);
    if (finding === null) continue;
    const key = `${finding.code} ${pathText(finding.path)}`;
    if (!seen.has(key)) findings.push(finding);
    seen.add(key);
  }
  return findings;
}

/** The segments of an Ajv instance path: list positions as numbers, as the document has them. */
export function segmentsOf(instancePath: string, document: unknown): Segment[] {
  const segments: Segment[] = [];
  for (const part of instancePath.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    segments.push(Array.isArray(valueAt(document, segments)) ? Number(name) : name);
  }
  return segments;
}

function findingOf(error: ErrorObject, document: unknown): Finding | null {
  const path = segmentsOf(error.instancePath, document);
  const schema = (error.parentSchema ?? {}) as Annotations;
  const expected = schema['x-expected'];
  const field = pathText(path) || 'the document';
  const finding = (code: IssueCode, message: string, more: Partial<Finding> = {}): Finding => ({
    code,
    severity: 'error',
    message,
    path,
    ...(expected === undefined ? {} : { expected }),
    ...more,
  });
  const shown = maySecret(path) ? 'The value' : show(error.data);
  const limit = String((error.params as { limit?: unknown }).limit);
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownField((error.params as { additionalProperty: string }).additionalProperty, path, schema);
    case 'required': {
      const missing = (error.params as { missingProperty: string }).missingProperty;
      return finding('MissingField', `\`${pathText([...path, missing])}\` is missing.`, {
        path: [...path, missing],
        expected: `\`${missing}\` in ${field}`,
      });
    }
    case 'dependentRequired': {
      const { property, missingProperty } = error.params as { property: string; missingProperty: string };
      const missing = [...path, missingProperty];
      return finding('MissingField', `\`${pathText(missing)}\` is missing.`, { path: missing, expected: `it goes with \`${property}\`` });
    }
    case 'propertyNames':
    case 'oneOf':
    case 'if':
      return null; // said again, and better, by the error inside
    case 'type':
      return wrongType(error, finding, field, schema);
    case 'const':
      return finding('UnknownValue', `${show(error.data)} is not known for \`${field}\`.`, {
        expected: `\`${String((error.params as { allowedValue: unknown }).allowedValue)}\``,
      });
    case 'enum':
      return unknownValue(error.data, (error.params as { allowedValues: unknown[] }).allowedValues.map(String), schema, path);
    case 'discriminator': {
      const { tag, tagValue, error: what } = error.params as { tag: string; tagValue: unknown; error: string };
      // A tag that is not there is what `required` says.
      return what === 'tag' || tagValue === undefined ? null : unknownValue(tagValue, checkTypes, schema, [...path, tag]);
    }
    case 'pattern': {
      const name = (error as { propertyName?: string }).propertyName;
      if (name !== undefined)
        return finding(schema['x-code'] ?? 'InvalidName', `\`${name}\` is not a good name in \`${field}\`.`, {
          path: [...path, name],
          atKey: true,
        });
      return finding(
        schema['x-code'] ?? 'InvalidValue',
        `${shown} is not right for \`${field}\`.`,
        suggestionFor(schema['x-code'], error.data),
      );
    }
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return finding(
        'OutOfRange',
        `${show(error.data)} is out of range for \`${field}\`.`,
        expected === undefined ? { expected: `${(error.params as { comparison: string }).comparison} ${limit}` } : {},
      );
    case 'minProperties':
      return finding('MissingField', `\`${field}\` says nothing.`);
    case 'maxProperties': {
      const words = Object.keys(error.data as object);
      return finding('ConflictingFields', `\`${field}\` says more than one thing: ${words.join(', ')}.`, {
        suggestion: words.map((word) => `- ${word}: …`).join(' '),
      });
    }
    case 'minLength':
    case 'minItems':
      return finding('TooShort', `\`${field}\` is too short.`, { expected: expected ?? `at least ${limit}` });
    case 'maxLength':
    case 'maxItems':
      return finding(schema['x-code'] === 'InvalidName' ? 'InvalidName' : 'TooLong', `\`${field}\` is too long.`, {
        expected: expected ?? `at most ${limit}`,
      });
    default:
      return finding('InvalidValue', `\`${field}\` ${error.message ?? 'is not valid'}.`);
  }
}

/** What stands there may be a secret, and is never shown. */
function maySecret(path: readonly Segment[]): boolean {
  return path.some((part) => typeof part === 'string' && /^(env|headers|credentials|.*From)$/.test(part));
}

type MakeFinding = (code: IssueCode, message: string, more?: Partial<Finding>) => Finding;

const checkTypes = serviceSchema.$defs.check.oneOf.map((check) => check.properties.type.const);

function unknownField(name: string, path: readonly Segment[], schema: Annotations): Finding {
  const at = [...path, name];
  const later = schema['x-not-yet-fields']?.[name];
  if (later !== undefined) return notYet(`\`${pathText(at)}\``, later, at, true);
  const known = Object.keys(schema.properties ?? {});
  const near = nearest(name, known) ?? elsewhere(name);
  return {
    code: 'UnknownField',
    severity: 'error',
    message: `There is no field \`${pathText(at)}\`.`,
    path: at,
    atKey: true,
    expected: known.length === 0 ? 'no field here' : `one of ${known.toSorted().join(', ')}`,
    ...(near === null ? {} : { suggestion: near }),
  };
}

function wrongType(error: ErrorObject, finding: MakeFinding, field: string, schema: Annotations): Finding {
  const { data } = error;
  if (data !== null && typeof data === 'object') {
    for (const [name, instead] of Object.entries(schema['x-not-yet-fields'] ?? {}))
      if (Object.hasOwn(data, name)) return notYet(`\`${field}.${name}\``, instead, segmentsOf(error.instancePath, null), false);
  }
  const wanted = [(error.params as { type: string | string[] }).type].flat().map((type) => typeWords[type] ?? type);
  const expected = schema['x-expected'] ?? wanted.join(' or ');
  // `x-code` of a list speaks of what its text form would be; elsewhere it speaks of text and numbers alike.
  const code = (typeof data === 'string' || typeof data === 'number' ? schema['x-code'] : undefined) ?? 'WrongType';
  const shown = maySecret(segmentsOf(error.instancePath, null)) ? '' : ` ${show(data)}, which is`;
  return finding(code, `\`${field}\` is${shown} ${typeWords[typeName(data)] ?? typeName(data)}.`, {
    expected,
    ...suggestionFor(schema['x-code'], data, wanted),
  });
}

function unknownValue(data: unknown, allowed: readonly string[], schema: Annotations, path: readonly Segment[]): Finding {
  const field = pathText(path);
  const later = typeof data === 'string' ? schema['x-not-yet-values']?.[data] : undefined;
  if (later !== undefined) return notYet(`\`${field}: ${String(data)}\``, later, path, false);
  const near = typeof data === 'string' ? nearest(data, allowed) : null;
  return {
    code: 'UnknownValue',
    severity: 'error',
    message: `${show(data)} is not known for \`${field}\`.`,
    path,
    expected: `one of ${allowed.join(', ')}`,
    ...(near === null ? {} : { suggestion: near }),
  };
}

/** A Finding for what the format has and Fairlead does not do yet. */
export function notYet(what: string, instead: string, path: readonly Segment[], atKey: boolean): Finding {
  return { code: 'NotSupportedYet', severity: 'error', message: `${what} is not supported yet. ${instead}`, path, atKey };
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  null: 'nothing',
};

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

/** A value in a message: short, and never more than 60 characters of what the file holds. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function suggestionFor(code: string | undefined, data: unknown, wanted: readonly string[] = []): Partial<Finding> {
  const unit = unitFor(code, data);
  if (unit !== null) return { suggestion: unit };
  if (code === 'ShellCommand' && typeof data === 'string')
    return { suggestion: `[${data.trim().split(/\s+/).map(argumentText).join(', ')}]` };
  if (wanted.length === 1 && wanted[0] === 'text' && (typeof data === 'number' || typeof data === 'boolean'))
    return { suggestion: `"${String(data)}"` };
  if (wanted.includes('true or false') && typeof data === 'string') {
    if (/^(yes|on|y)$/i.test(data)) return { suggestion: 'true' };
    if (/^(no|off|n)$/i.test(data)) return { suggestion: 'false' };
  }
  return {};
}

/** A value whose unit is missing, or not wanted, as it was probably meant; null when that is not what is wrong with it. */
function unitFor(code: string | undefined, data: unknown): string | null {
  const [, digits, sign] = /^([0-9]+(?:\.[0-9]+)?)(%?)$/.exec(String(data)) ?? [];
  if (digits === undefined) return null;
  const number = Number(digits);
  if (code === 'InvalidDuration' && sign === '') return `${digits}s`;
  // 0.02 can only be meant as 2 %, and 2 hardly as 200 %.
  if (code === 'InvalidShare' && sign === '' && number <= 100) return number < 1 ? shareText(number) : `${digits}%`;
  if (code === 'InvalidFactor' && sign === '' && number >= 1) return `${digits}x`;
  if (code === 'InvalidFactor' && sign === '%' && number >= 100) return `${number / 100}x`;
  return code === 'InvalidPercent' && typeof data === 'string' && Number.isInteger(number) ? digits : null;
}

function argumentText(word: string): string {
  return /^[\w./@-]+$/.test(word) && !/^[-+.]?[0-9]/.test(word) ? word : JSON.stringify(word);
}

let fieldPlaces: ReadonlyMap<string, string> | null = null;

/** The full path of a field that exists in another place of a Service: `callTimeout` → `spec.limits.callTimeout`. */
function elsewhere(name: string): string | null {
  if (fieldPlaces === null) {
    const places = new Map<string, string>();
    const definitions: Readonly<Record<string, Annotations>> = serviceSchema.$defs as unknown as Record<string, Annotations>;
    const collect = (schema: Annotations, path: string) => {
      for (const [key, property] of Object.entries(schema.properties ?? {})) {
        if (!places.has(key)) places.set(key, `${path}.${key}`);
        const reference = (property as { $ref?: string }).$ref?.replace('#/$defs/', '');
        const inner = reference === undefined ? (property as Annotations) : definitions[reference];
        if (inner?.properties !== undefined) collect(inner, `${path}.${key}`);
      }
    };
    collect(serviceSchema.$defs.spec, 'spec');
    fieldPlaces = places;
  }
  return fieldPlaces.get(name) ?? null;
}

/** Why a pattern is not one that can be matched in linear time, or null. */
export function patternProblem(pattern: string): string | null {
  try {
    RE2JS.compile(pattern);
    return null;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
