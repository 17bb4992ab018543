/** Filters of lists: what they let through, and what is no filter at all. */
import { describe, expect, it } from 'vitest';
import { selectServices } from '../../src/status-api/selection.ts';
import { fakeReadModel } from '../fixtures/read-model.ts';

const views = fakeReadModel().services();
const names = (filter: Parameters<typeof selectServices>[1]) => selectServices(views, filter).map(({ record }) => record.service);

describe('a filter', () => {
  it('takes several values, in any case', () => {
    expect(names({ state: 'active, ERROR' })).toEqual(names({}).filter((name) => name === 'files' || name === 'broken'));
    expect(names({ health: 'healthy,degraded,down,unknown' })).toEqual(names({}));
  });

  it.each([{ state: 'Actve' }, { state: 'Active,' }, { health: 'FINE' }, { type: 'function' }])('of %j is refused', (filter) => {
    expect(() => names(filter)).toThrow(expect.objectContaining({ code: 'Usage' }));
  });
});
