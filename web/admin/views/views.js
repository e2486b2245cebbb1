// The views by their names in addresses.
import { auditLog } from './audit-log.js';
import { deadLetters } from './dead-letters.js';
import { heldLeads } from './held-leads.js';
import { overview } from './overview.js';
import { quarantine } from './quarantine.js';

/**
 * A view has a `title`; a `scope` that its token needs, where reading is not enough; `load(route, signal)`, which
 * reads its data; `draw(data)`; and what its buttons do, by name: `actions`, each called with the button's value
 * and `{data, reload}`. `forget()` drops what it keeps of whoever is signed in.
 */
export const VIEWS = { overview, dead: deadLetters, quarantine, held: heldLeads, acts: auditLog };
