import { systemClock, type Clock } from './clock.ts';
import { resolvePlaces, type Places } from './places.ts';

/** The machine as a service sees it; tests hand in another one. */
export interface Host {
  env: NodeJS.ProcessEnv;
  platform: NodeJS.Platform;
  places: Places;
  clock: Clock;
}

export function currentHost(): Host {
  return {
    env: process.env,
    platform: process.platform,
    places: resolvePlaces(),
    clock: systemClock,
  };
}
