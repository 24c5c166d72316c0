// The token of the admin side, for as long as this tab is open.

const NAME = "pcscf-token";

export const token = () => sessionStorage.getItem(NAME);
export const keepToken = (text) => sessionStorage.setItem(NAME, text);
export const forgetToken = () => sessionStorage.removeItem(NAME);
