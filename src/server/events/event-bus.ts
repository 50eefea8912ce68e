import { setImmediate } from 'node:timers/promises';
import type { EventLog, LoggedEvent, NewEvent, Start } from './event-log.ts';

/** New events of a tenant, in order; a hint, since the log has them all. None: look there. */
export type Listener = (events: readonly LoggedEvent[]) => void;

/**
 * How what happens to a tenant reaches its streams. What is published is in the log first, so a
 * listener that was busy, or whose hint was lost between processes, reads it there.
 */
export interface EventBus {
  /** @returns how many were new; rejects when the log cannot take them */
  publish(tenantId: string, events: readonly NewEvent[]): Promise<number>;
  /** @returns ends the subscription */
  subscribe(tenantId: string, listener: Listener): () => void;
  locate(tenantId: string, position: string | undefined): Promise<Start>;
  after(tenantId: string, seq: number, limit: number): Promise<LoggedEvent[]>;
  /** Events may have been lost: those who listen here are told now, others when they come. */
  tellLosses(): Promise<void>;
}

/** All streams are in this process. */
export class LocalEventBus implements EventBus {
  readonly #log: EventLog;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(log: EventLog) {
    this.#log = log;
  }

  async publish(tenantId: string, events: readonly NewEvent[]): Promise<number> {
    const added = await this.#log.append(tenantId, events);
    this.logged(tenantId, added);
    return added.length;
  }

  /** What this process has logged. */
  protected logged(tenantId: string, events: readonly LoggedEvent[]): void {
    if (events.length > 0) this.deliver(tenantId, events);
  }

  /** To the streams in this process; nothing: they look at the log. */
  protected deliver(tenantId: string, events: readonly LoggedEvent[]): void {
    for (const listener of this.#listeners.get(tenantId) ?? []) listener(events);
  }

  protected hasListeners(tenantId: string): boolean {
    return this.#listeners.has(tenantId);
  }

  protected listened(): string[] {
    return [...this.#listeners.keys()];
  }

  subscribe(tenantId: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(tenantId) ?? new Set();
    this.#listeners.set(tenantId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      const current = this.#listeners.get(tenantId) === listeners;
      if (current && listeners.size === 0) this.#listeners.delete(tenantId);
    };
  }

  async locate(tenantId: string, position: string | undefined): Promise<Start> {
    await this.#tellLosses(tenantId);
    return this.#log.locate(tenantId, position);
  }

  async tellLosses(): Promise<void> {
    for (const tenantId of this.listened()) {
      await this.#tellLosses(tenantId);
      await setImmediate();
    }
  }

  async #tellLosses(tenantId: string): Promise<void> {
    this.logged(tenantId, await this.#log.tellLosses(tenantId));
  }

  after(tenantId: string, seq: number, limit: number): Promise<LoggedEvent[]> {
    return this.#log.after(tenantId, seq, limit);
  }
}
