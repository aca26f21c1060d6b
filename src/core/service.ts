/** What every service is to `app.ts`. Constructors only store. */
export interface Service {
  /** Takes the service's sockets; nothing is read from them yet, so that privileges can still be dropped. */
  bind(): Promise<void>;
  /** Begins to serve. */
  start(): Promise<void>;
  /** Stops accepting, drains for `graceMs`, then destroys the rest. Twice is harmless. */
  stop(graceMs: number): Promise<void>;
}
