inlets = 1;
outlets = 4;

const Device = OneshotDevice;
