/** The envelope scanner against JSON.parse: whatever is valid JSON is read alike, whatever is not is refused, and splices touch nothing else. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  onOneLine,
  rawBody,
  rawParam,
  scanEnvelope,
  splitBatch,
  textParam,
  withId,
  withMeta,
  withParam,
  type ScannedEnvelope,
} from '../../src/model/envelope.ts';
import { eachMember, findAt, setMember, skipValue } from '../../src/model/json-scan.ts';

function scan(text: string): ScannedEnvelope {
  const scanned = scanEnvelope(text);
  if (scanned.kind === 'malformed') throw new Error(`${scanned.reason}: ${text.slice(0, 200)}`);
  return scanned;
}

/** JSON text with white space and escapes that JSON.stringify would not write. */
const spaces = fc.constantFrom('', ' ', '\n', '\t', '\r\n', '  ');
const jsonText: fc.Arbitrary<string> = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.tuple(fc.json({ maxDepth: 3 }), fc.constantFrom(1, 2, '\t')).map(([text, indent]) => JSON.stringify(JSON.parse(text), null, indent)),
  fc.constantFrom(
    '1.0',
    '-0',
    '1e5',
    '1E+400',
    '1152921504606846976',
    '"\\u0069d"',
    '"\\\\"',
    '"\\"}"',
    '{"a":{"a":[]}}',
    '[{}]',
    '"\\ud83d"',
  ),
);
const rawId = fc.oneof(
  fc.integer().map(String),
  fc.string().map((text) => JSON.stringify(text)),
  fc.constantFrom('"\\u0031"', '1.0', '-7', '18446744073709551616'),
);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('skipping a value', () => {
  it('ends where JSON.parse ends, on any valid JSON', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const trimmed = text.trim();
        expect(skipValue(`${trimmed},`, 0)).toBe(trimmed.length);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses what JSON.parse refuses once a character of structure is lost', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.nat(), (text, at) => {
        // Nobody looks inside strings: a lost character of an escape may go unseen, one of structure may not.
        fc.pre(!text.includes('\\'));
        const index = at % text.length;
        const broken = text.slice(0, index) + text.slice(index + 1);
        expect(skipValue(broken, 0) === broken.length).toBe(isJson(broken));
      }),
      { numRuns: 1_000 },
    );
  });

  it('never throws on garbage, and takes no arrangement of marks for JSON that is none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(() => [skipValue(text, 0), scanEnvelope(text), splitBatch(text)]).not.toThrow();
      }),
    );
    const marks = fc.array(fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '1', 'id', 'null', '-', '.'));
    fc.assert(
      fc.property(marks, (parts) => {
        const text = parts.join('');
        expect(text !== '' && skipValue(text, 0) === text.length).toBe(isJson(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes a nesting of a million levels in stride', () => {
    const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000);
    expect(skipValue(deep, 0)).toBe(2_000_000);
    expect(scan(`{"jsonrpc":"2.0","id":1,"result":{"a":${deep}}}`).id).toBe('1');
    expect(skipValue('['.repeat(1_000_000), 0)).toBe(-1);
  });
});

describe('reading an envelope', () => {
  it('finds the same as JSON.parse in requests whose members come in any order', () => {
    fc.assert(
      fc.property(
        rawId,
        fc.string(),
        fc.dictionary(fc.string(), fc.jsonValue()),
        spaces,
        fc.integer(),
        (id, method, params, space, seed) => {
          const members = [
            `"jsonrpc":${space}"2.0"`,
            `"id"${space}:${id}`,
            `"method":${JSON.stringify(method)}`,
            `"params":${JSON.stringify(params)}`,
            '"extra":{"id":5}',
          ];
          const turn = Math.abs(seed) % members.length;
          const text = `${space}{${space}${[...members.slice(turn), ...members.slice(0, turn)].join(`${space},${space}`)}${space}}${space}`;
          const message = scan(text);
          expect(message).toMatchObject({ kind: 'request', id, method, isError: false, text });
          expect(JSON.parse(message.text.slice(message.paramsAt!.start, message.paramsAt!.end))).toEqual(
            JSON.parse(JSON.stringify(params)),
          );
        },
      ),
    );
  });

  it('reads results, errors and notifications', () => {
    expect(scan('{"result":{"content":[]},"jsonrpc":"2.0","id":"x"}')).toMatchObject({ kind: 'response', id: '"x"', isError: false });
    expect(scan('{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}')).toMatchObject({ kind: 'response', isError: true });
    expect(scan('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}')).toMatchObject({ kind: 'response', id: 'null' });
    expect(scan('{"jsonrpc":"2.0","method":"notifications/initialized"}')).toMatchObject({ kind: 'notification', id: null });
    expect(rawBody(scan('{"jsonrpc":"2.0","id":1,"result":{ "a" : 1.0 }}'))).toBe('{ "a" : 1.0 }');
  });

  it('reads keys that are written with escapes', () => {
    expect(scan('{"jsonrpc":"2.0","\\u0069d":7,"m\\u0065thod":"ping"}')).toMatchObject({ kind: 'request', id: '7', method: 'ping' });
  });

  it.each([
    ['not-json', '{"jsonrpc":"2.0","id":1'],
    ['not-json', 'Server listening on port 3000'],
    ['not-json', ''],
    ['not-json', '{"jsonrpc":"2.0","id":1,"result":{}} trailing'],
    ['not-json', '{"jsonrpc":"2.0","id":01,"result":{}}'],
    ['not-json', '{"jsonrpc":"2.0","id":1,"result":{foo}}'],
    ['not-json', '\ufeff{"jsonrpc":"2.0","id":1,"result":{}}'],
    ['not-an-object', '[{"jsonrpc":"2.0","method":"x"}]'],
    ['not-an-object', '"text"'],
    ['not-jsonrpc-2.0', '{"level":"info","message":"hello"}'],
    ['not-jsonrpc-2.0', '{"jsonrpc":"1.0","id":1,"result":{}}'],
    ['not-jsonrpc-2.0', '{"jsonrpc":2.0,"id":1,"result":{}}'],
    ['duplicate-key', '{"jsonrpc":"2.0","id":1,"id":2,"result":{}}'],
    ['duplicate-key', '{"jsonrpc":"2.0","id":1,"method":"tools/list","m\\u0065thod":"tools/call"}'],
    ['bad-id', '{"jsonrpc":"2.0","id":{},"method":"x"}'],
    ['bad-id', '{"jsonrpc":"2.0","id":null,"method":"x"}'],
    ['bad-id', '{"jsonrpc":"2.0","result":{}}'],
    ['bad-id', '{"jsonrpc":"2.0","id":null,"result":{}}'],
    ['bad-method', '{"jsonrpc":"2.0","id":1,"method":5}'],
    ['bad-method', '{"jsonrpc":"2.0","id":1,"method":"x","result":{}}'],
    ['bad-params', '{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}'],
    ['bad-result', '{"jsonrpc":"2.0","id":1,"result":5}'],
    ['bad-result', '{"jsonrpc":"2.0","id":1,"error":"no"}'],
    ['bad-result', '{"jsonrpc":"2.0","id":1}'],
    ['bad-result', '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}'],
  ])('refuses with %s: %s', (reason, text) => {
    expect(scanEnvelope(text)).toMatchObject({ kind: 'malformed', reason });
  });

  it('says which id a malformed answer carries, so that who waits for it can be told', () => {
    expect(scanEnvelope('{"jsonrpc":"2.0","id":12,"result":5}')).toMatchObject({ kind: 'malformed', id: '12' });
  });
});

describe('changing a message', () => {
  it('replaces the id and no other byte', () => {
    fc.assert(
      fc.property(rawId, rawId, jsonText, (id, other, payload) => {
        const before = `{ "result":{"v":${payload}} , "id" : `;
        const after = ` ,"jsonrpc":"2.0","unknown":[1.0,2e0]}`;
        expect(withId(scan(before + id + after), other)).toBe(before + other + after);
      }),
    );
  });

  it('sets one parameter in place and keeps numbers, escapes and order', () => {
    const text =
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"n":1.0,"big":1152921504606846976,"e":"\\u00e9"},"name":"a__b"}}';
    const message = scan(text);
    expect(textParam(message, 'name')).toBe('a__b');
    expect(withParam(message, 'name', '"b"')).toBe(text.replace('"a__b"', '"b"'));
    expect(textParam(message, 'uri')).toBeNull();
    expect(rawParam(message, ['arguments', 'n'])).toBe('1.0');
  });

  it('sets the progress token, and makes _meta and params where there are none', () => {
    const set = (text: string): unknown => JSON.parse(withMeta(scan(text), { progressToken: '9' }));
    expect(set('{"jsonrpc":"2.0","id":1,"method":"x"}')).toEqual({
      jsonrpc: '2.0',
      id: 1,
      method: 'x',
      params: { _meta: { progressToken: 9 } },
    });
    expect(set('{"jsonrpc":"2.0","id":1,"method":"x","params":{}}')).toMatchObject({ params: { _meta: { progressToken: 9 } } });
    expect(set('{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":1,"_meta":{}}}')).toMatchObject({
      params: { a: 1, _meta: { progressToken: 9 } },
    });
    const text = '{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"k":1.0,"progressToken":"abc"}}}';
    expect(withMeta(scan(text), { progressToken: '9' })).toBe(text.replace('"abc"', '9'));
  });

  it('sets every doubled parameter, so that no reader sees the one before', () => {
    const message = scan('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","n\\u0061me":"b"}}');
    expect(textParam(message, 'name')).toBe('b');
    expect(withParam(message, 'name', '"c"')).toContain('{"name":"c","n\\u0061me":"c"}');
  });

  it('agrees with JSON.parse about any member set in any object', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), jsonText, (object, key, raw) => {
        fc.pre(key !== '__proto__' && !Object.hasOwn(object, '__proto__'));
        const text = JSON.stringify(object);
        const set = setMember(text, { start: 0, end: text.length }, key, raw);
        expect(JSON.parse(set)).toEqual({ ...(JSON.parse(text) as object), [key]: JSON.parse(raw) as unknown });
        expect(findAt(set, { start: 0, end: set.length }, [key])).not.toBeNull();
      }),
    );
  });

  it('leaves an object that is malformed as it is', () => {
    expect(setMember('{"a":1', { start: 0, end: 6 }, 'a', '2')).toBe('{"a":1');
    expect(eachMember('[1]', 0, () => true)).toBe(-1);
  });
});

describe('framing', () => {
  it('puts a message on one line without changing what it says', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const pretty = JSON.stringify(value, null, 2).replaceAll('\n', '\r\n');
        expect(onOneLine(pretty)).not.toMatch(/[\r\n]/);
        expect(JSON.parse(onOneLine(pretty))).toEqual(JSON.parse(pretty));
      }),
    );
  });

  it('takes a batch apart into the texts that were sent', () => {
    expect(splitBatch(' [ {"id":1.0} ,{"id":2}] ')).toEqual(['{"id":1.0}', '{"id":2}']);
    expect(splitBatch('[]')).toEqual([]);
    for (const text of ['{}', '[1,]', '[1', '[1] 2', '']) expect(splitBatch(text)).toBeNull();
  });
});
