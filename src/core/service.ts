/** What every service is to `app.ts`: something that starts and stops. Constructors only store. */
export interface Service {
  start(): Promise<void>;
  /** Stops accepting, drains for `graceMs`, then destroys the rest. Twice is harmless. */
  stop(graceMs: number): Promise<void>;
}
