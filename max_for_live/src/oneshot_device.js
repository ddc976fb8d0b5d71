"use strict";

inlets = 1;
outlets = 4;

function anything() {}
