import type { Variable } from "@outrider/contracts/environment";
import { readServiceConfig } from "@outrider/service-kit/config";
import { FORMS, type Form } from "./forms.js";

const form: Variable<Form> = {
  expected: FORMS.join(" or "),
  read: (value) => FORMS.find((one) => one === value),
  fallback: { value: "device" },
};

/** With the slash that ends it. */
const prefix: Variable<string> = {
  expected: "Home Assistant's discovery prefix, like homeassistant",
  read: (value) => (/^[\w-]{1,60}(\/[\w-]{1,60}){0,3}$/.test(value) ? `${value}/` : undefined),
  fallback: { value: "homeassistant/" },
};

const url: Variable<string | undefined> = {
  expected: "a URL like https://outrider.example",
  read: (value) => (/^https?:\/\/\S+$/.test(value) && URL.canParse(value) ? value : undefined),
  fallback: { value: undefined },
};

export type HomeAssistantServiceConfig = ReturnType<typeof readHomeAssistantConfig>;

/** @throws EnvironmentError */
export function readHomeAssistantConfig(environment: Readonly<Record<string, string | undefined>>) {
  return readServiceConfig("home-assistant", environment, {
    OUTRIDER_HOME_ASSISTANT_FORM: form,
    OUTRIDER_HOME_ASSISTANT_PREFIX: prefix,
    OUTRIDER_HOME_ASSISTANT_WEB: url,
  });
}
