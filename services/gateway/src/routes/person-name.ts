import { Matches } from "class-validator";

/** A name as it can stand in an actor: `person:anna`. */
export const PERSON_NAME = /^[A-Za-z0-9._@-]{1,64}$/;
export const PersonName = (): PropertyDecorator => Matches(PERSON_NAME);
