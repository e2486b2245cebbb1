/** Logs one JSON line an event: ids, outcomes and times, never an identity or a secret. */
export const log = (event: object) => console.log(JSON.stringify(event));

export const logFault = (place: string, error: unknown) =>
  console.error(JSON.stringify({ event: 'fault', in: place, fault: String(error) }));
