import { rm } from 'node:fs/promises';
import { isErrno, readTextIfExists, writeFileAtomic } from '../../platform/atomic-file.ts';
import { notify } from '../db/notifications.ts';
import type { Database } from '../db/sqlite.ts';
import type { EventBus } from './event-bus.ts';

/**
 * Changes of every tenant may have gone unnoticed while no server ran. That is one number, whatever
 * their number is: a tenant is told when somebody listens.
 */
export async function announceLostEvents(db: Database, bus: EventBus): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    await transaction
      .updateTable('event_losses')
      .set((column) => ({ number: column('number', '+', 1) }))
      .execute();
    await notify(transaction, 'cloud_losses', '');
  });
  await bus.tellLosses();
}

/**
 * A file that lies in the data folder while our own storage runs. One that is there at the start
 * says that the last run was killed, or stopped with notifications that it could not deliver. (A
 * storage elsewhere gives up after a few tries, and nobody knows what it had to tell meanwhile.)
 */
export class DeliveryMark {
  readonly #path: string;
  #begun = false;
  constructor(path: string) {
    this.#path = path;
  }

  async begin(announce: () => Promise<void>): Promise<void> {
    if ((await readTextIfExists(this.#path)) === undefined) {
      await writeFileAtomic(this.#path, 'Notifications are being delivered.\n');
    } else {
      await announce();
    }
    this.#begun = true;
  }

  async end(undelivered: number): Promise<void> {
    if (!this.#begun || undelivered > 0) return;
    try {
      await rm(this.#path);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
}
