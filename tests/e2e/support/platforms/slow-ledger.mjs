// The built Worker around objects that are busy: each message to the ledger `busy` waits first.
import worker, { Ledger as Built } from './index.js';

export default worker;

export class Ledger extends Built {
  async answer(message, ...more) {
    if (JSON.parse(message).ledger === 'busy') await scheduler.wait(5_000);
    return super.answer(message, ...more);
  }
}
