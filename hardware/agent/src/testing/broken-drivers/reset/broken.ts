import { PortError } from "@outrider/ports/port-error";

throw new PortError("unsupported", "the library of its mechanism is not there");
