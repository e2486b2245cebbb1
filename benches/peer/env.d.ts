/** The bindings: those of Leadhook's npm/wrangler.jsonc, and each destination's secret by its name. */
interface Env {
  KV: KVNamespace;
  LEDGER: DurableObjectNamespace<import('./ledger').Ledger>;
  LEADHOOK_ENV?: string;
  LEADHOOK_PEPPERS?: string;
  LEADHOOK_SEALING_KEYS?: string;
  LEADHOOK_PUBLIC_URL?: string;
}

/** Put in by build.mjs. */
declare const LIMITS: {
  readonly attempt_timeout_ms: number;
  readonly body_bytes: number;
  readonly body_fields: number;
  readonly origin_connections: number;
  readonly retry_after_s: number;
};
declare const COUNTRIES: readonly string[];
declare const DISPOSABLE: readonly string[];
declare const FREE_MAIL: readonly string[];

interface Uint8Array {
  toHex(): string;
  toBase64(options?: { alphabet?: 'base64' | 'base64url'; omitPadding?: boolean }): string;
}
interface Uint8ArrayConstructor {
  fromBase64(text: string): Uint8Array<ArrayBuffer>;
}
