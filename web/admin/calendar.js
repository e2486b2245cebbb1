// The calendar of a time zone: which date an instant is on, and when a date begins. Instants are milliseconds,
// dates are written as in 2026-11-30.
const DAY_MS = 86_400_000;
const clocks = new Map();

/** Returns the zone, or UTC where this browser does not know it. */
export function zoneOf(name) {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return name || 'UTC';
  } catch {
    return 'UTC';
  }
}

function clockOf(zone) {
  if (!clocks.has(zone)) {
    const shown = {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    };
    clocks.set(
      zone,
      new Intl.DateTimeFormat('en', {
        ...shown,
        hourCycle: 'h23',
        calendar: 'gregory',
        numberingSystem: 'latn',
        timeZone: zone,
      }),
    );
  }
  return clocks.get(zone);
}

/** Reads the clocks at an instant, as the instant at which they show the same in UTC. */
export function wallOf(ms, zone) {
  const part = Object.fromEntries(
    clockOf(zone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, value]),
  );
  return Date.parse(
    `${part.year.padStart(4, '0')}-${part.month}-${part.day}T${part.hour}:${part.minute}:${part.second}Z`,
  );
}

/** Returns the date on which an instant is. */
export const dateOf = (ms, zone) => dayOf(wallOf(ms, zone));

/** Returns the date so many days later. */
export const later = (date, days) => dayOf(Date.parse(date) + days * DAY_MS);

const dayOf = (ms) => new Date(ms).toISOString().slice(0, 10);

/**
 * Returns the first instant at which clocks show this; where they skip it, they show a later time. The offset is that of
 * a day before or that of a day after: no zone changes it twice within two days.
 */
export function instantOf(wall, zone) {
  const offsets = [wall - DAY_MS, wall + DAY_MS].map((ms) => wallOf(ms, zone) - ms);
  const reached = offsets.map((offset) => wall - offset).filter((ms) => wallOf(ms, zone) >= wall);
  return Math.min(...reached);
}

/** Returns the first instant of a date; of one that the zone skipped, that of the next. */
export const beginOf = (date, zone) => instantOf(Date.parse(date), zone);
