//! Hostile input: nothing that comes from outside makes rectify panic, overflow the stack, go on for ever, or work with
//! the square of its size. A binary of its own, because it counts every allocation.

mod replay;
mod targets;
mod work;
