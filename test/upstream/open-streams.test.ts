import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OpenStreams } from '../../src/upstream/open-streams.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a stream that has given its answer', () => {
  it('leaves nothing behind when it ends by itself', () => {
    const open = new OpenStreams();
    const stop = vi.fn();
    open.add(stop);
    open.linger(stop);
    open.delete(stop);
    expect(vi.getTimerCount()).toBe(0);
    open.stop();
    expect(stop).not.toHaveBeenCalled();
  });

  it('is cut when it never ends', () => {
    const open = new OpenStreams();
    const stop = vi.fn(() => open.delete(stop));
    open.add(stop);
    open.linger(stop);
    vi.runAllTimers();
    expect(stop).toHaveBeenCalledOnce();
  });

  it('is stopped with its session, once', () => {
    const open = new OpenStreams();
    const stop = vi.fn(() => open.delete(stop));
    open.add(stop);
    open.linger(stop);
    open.stop();
    vi.runAllTimers();
    expect(stop).toHaveBeenCalledOnce();
  });
});
