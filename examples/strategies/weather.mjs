/*
 * A small MCP server, in the releases that the examples roll out: `node weather.mjs RELEASE`.
 *
 *   release-1            good
 *   release-2            good as well: it tells the wind too
 *   wrong-unit           answers in Fahrenheit; a functional check expects Celsius
 *   needs-country        its tool newly requires a parameter: every client of before would fail
 *   second-call-fails    works once, then no more
 *   fails-now-and-then   one call in four fails, which no check before traffic is likely to see
 */
import { fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

const release = process.argv[2] ?? 'release-1';
const celsius = { Lisbon: 21, Oslo: 4, Quito: 14 };
let calls = 0;

serveStdio(() => {
  const server = new McpServer({ name: 'weather', version: '1.0.0' });
  const needed = release === 'needs-country' ? ['city', 'country'] : ['city'];
  const inputSchema = fromJsonSchema({
    type: 'object',
    properties: { city: { type: 'string' }, country: { type: 'string' } },
    required: needed,
  });
  server.registerTool('forecast', { description: 'The weather of a city: Lisbon, Oslo or Quito.', inputSchema }, ({ city }) => {
    calls += 1;
    const failed = (release === 'second-call-fails' && calls > 1) || (release === 'fails-now-and-then' && calls > 10 && calls % 4 === 0);
    if (failed) return { content: [{ type: 'text', text: 'no connection to the weather station' }], isError: true };
    return { content: [{ type: 'text', text: forecast(city) }] };
  });
  return server;
});

function forecast(city) {
  const degrees = celsius[city] ?? 10;
  if (release === 'wrong-unit') return `${city}: ${Math.round(degrees * 1.8 + 32)} °F`;
  return release === 'release-1' ? `${city}: ${degrees} °C` : `${city}: ${degrees} °C, wind 12 km/h`;
}
