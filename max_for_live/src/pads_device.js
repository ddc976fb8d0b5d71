"use strict";

inlets = 1;
outlets = 3;

function anything() {}
