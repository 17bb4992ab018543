/** Parameters: what templates declare, and whether what a Service gives is that. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';
import { looksSecret } from './judge.ts';
import { segmentsOf, show, type Finding } from './schema.ts';
import { nearest } from './suggest.ts';
import { isMap } from './place.ts';

export interface Declarations {
  /** Parameter → its JSON Schema. */
  readonly schemas: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Checks values after their placeholders were filled in. */
  readonly check: (values: Readonly<Record<string, unknown>>, chain: string) => Finding[];
}

/** Prepares the declarations of a line of templates, nearest last. Returns the problem when a declaration cannot be used. */
export function declareParams(layers: readonly unknown[]): Declarations {
  const schemas: Record<string, Record<string, unknown>> = {};
  for (const layer of layers) {
    if (!isMap(layer)) continue;
    for (const [name, schema] of Object.entries(layer)) if (isMap(schema)) schemas[name] = { ...schemas[name], ...schema };
  }
  const defaults: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(schemas)) if ('default' in schema) defaults[name] = schema['default'];
  let validate: ValidateFunction | null = null;
  const check = (values: Readonly<Record<string, unknown>>, chain: string): Finding[] => {
    const findings: Finding[] = [];
    for (const name of Object.keys(values)) {
      if (Object.hasOwn(schemas, name)) continue;
      const near = nearest(name, Object.keys(schemas));
      findings.push({
        code: 'UnknownParameter',
        severity: 'error',
        message: `No template declares the parameter \`${name}\` (${chain}).`,
        path: ['spec', 'params', name],
        atKey: true,
        expected:
          Object.keys(schemas).length === 0
            ? 'no parameters: nothing that is extended declares any'
            : `one of ${Object.keys(schemas).join(', ')}`,
        ...(near === null ? {} : { suggestion: near }),
      });
    }
    for (const [name, schema] of Object.entries(schemas)) {
      if (values[name] !== undefined) continue;
      findings.push({
        code: 'MissingParameter',
        severity: 'error',
        message: `The parameter \`${name}\` has no value and no default (${chain}).`,
        path: ['spec', 'params', name],
        expected: `\`params: {${name}: …}\`${typeof schema['description'] === 'string' ? `: ${schema['description']}` : ''}`,
      });
    }
    const known = Object.fromEntries(Object.entries(values).filter(([name, value]) => Object.hasOwn(schemas, name) && value !== undefined));
    validate ??= compileSchemas(schemas);
    if (!validate(known)) {
      for (const error of validate.errors ?? []) {
        const path = segmentsOf(error.instancePath, known);
        findings.push({
          code: 'InvalidParameter',
          severity: 'error',
          message: `The parameter \`${String(path[0])}\` is ${looksSecret(String(path[0]), String(error.data)) ? '****' : show(error.data)}, and ${error.message ?? 'is not valid'} (${chain}).`,
          path: ['spec', 'params', ...path],
          expected: show(schemas[String(path[0])]),
        });
      }
    }
    return findings;
  };
  return { schemas, defaults, check };
}

/** Patterns are RE2's: linear time whatever they are. A pattern that is none matches nothing, which the check then says. */
function linearPattern(pattern: string): { test(text: string): boolean } {
  let compiled: RE2JS | null = null;
  try {
    compiled = RE2JS.compile(pattern);
  } catch {
    compiled = null;
  }
  return { test: (text) => compiled?.matcher(text).find() ?? false };
}
linearPattern.code = 'linearPattern';

let compiler: Ajv2020 | null = null;

/** The declarations were held against the schema of declarations, so no meta-schema has to be compiled for them. */
function compileSchemas(schemas: Declarations['schemas']): ValidateFunction {
  compiler ??= new Ajv2020({
    allErrors: true,
    verbose: true,
    strict: false,
    meta: false,
    validateSchema: false,
    addUsedSchema: false,
    code: { regExp: linearPattern, optimize: false },
  });
  const schema = { type: 'object', properties: schemas };
  const validate = compiler.compile(schema);
  compiler.removeSchema(schema);
  return validate;
}
