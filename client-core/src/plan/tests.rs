mod formats;
mod rules;
mod small;
mod whole;
